//! Contacts whose number changes: under which of their ids they are stored, and what is stored under the others.

use std::collections::HashMap;

use crate::history::Write;
use crate::population::Population;
use crate::report::Violation;
use crate::state::Image;

const ONE_PLACE: &str = "a contact is stored under the id of its number, and its former ids lead to it";

/// The writes by the first id of their contact, without those of its redirects.
pub fn by_contact(writes: Vec<Write>, population: &Population) -> HashMap<String, Vec<Write>> {
    let mut by_contact: HashMap<String, Vec<Write>> = HashMap::new();
    for write in writes {
        let first = population.first_id(&write.image.contact_id).to_owned();
        if write.image.state.is_contact() || !population.is_mover(&first) {
            by_contact.entry(first).or_default().push(write);
        }
    }
    by_contact
}

/// Takes the stored redirects away, and checks them; returns the stored contacts and tombstones by their first id.
pub fn without_redirects(
    stored: HashMap<String, Image>,
    population: &Population,
    violations: &mut Vec<Violation>,
) -> HashMap<String, Image> {
    let is_of_mover = |id: &str| population.is_mover(population.first_id(id));
    let (of_movers, mut others): (HashMap<String, Image>, HashMap<String, Image>) =
        stored.into_iter().partition(|(id, _)| is_of_mover(id));
    let (contacts, redirects): (Vec<Image>, Vec<Image>) =
        of_movers.into_values().partition(|image| image.state.is_contact());
    let mut violate = |id: &str, sentence: String| {
        violations.push(Violation { contact_id: Some(id.to_owned()), ..Violation::new(ONE_PLACE, sentence) });
    };
    for contact in contacts {
        let (id, phone) = (contact.contact_id.clone(), contact.state.phone.clone());
        let first = population.first_id(&id).to_owned();
        if !population.known[&id].spellings.contains(&phone) {
            violate(&first, format!("the contact with the number {phone} has the id {id}"));
        }
        if let Some(other) = others.insert(first.clone(), contact) {
            violate(&first, format!("the contact is stored under {id} and {}", other.contact_id));
        }
    }
    for redirect in redirects {
        let first = population.first_id(&redirect.contact_id);
        let now = others.get(first).map(|contact| contact.contact_id.clone());
        if redirect.state.moved_to != now {
            let (id, to) = (&redirect.contact_id, &redirect.state.moved_to);
            violate(first, format!("{id} leads to {to:?}, but the contact is stored under {now:?}"));
        }
    }
    others
}
