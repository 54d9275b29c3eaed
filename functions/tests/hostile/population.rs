//! Who calls, and about whom: tenants with their tokens, and a pool of phone numbers that is small enough for calls to
//! contend.

use std::collections::HashMap;

use contacts::access::{Access, NewToken, User};
use contacts::model::{Tenant, TenantId};
use contacts::store::{AccessTable, Client};
use uuid::Uuid;

use super::local_sdk::local_sdk;
use super::quiescence::Tables;

/// How many contacts of each tenant stand still during the whole run, and the first of their numbers.
const STILL: usize = 8;
const FIRST_STILL: usize = 10_000;

/// How many contacts of each tenant change their number, how many numbers each of them has in turn, and the first of these.
const MOVERS: usize = 2;
const NUMBERS: usize = 4;
const FIRST_MOVER: usize = 20_000;

/// How many numbers are used during the whole run, and how many more in each epoch. The latter are created anew.
const LASTING: usize = 5;
const FRESH: usize = 7;

/// The numbers of calls in any 60 s that the limited token of a tenant has.
const RATE_LIMIT: u32 = 3;

/// A tenant and its credentials.
pub struct Customer {
    pub id: String,
    pub slug: String,
    /// Unlimited.
    pub token: String,
    /// Has a rate limit.
    pub limited_token: String,
    pub key: String,
    tenant: Tenant,
    /// What the ids of contacts and events are hashed with.
    namespace: Uuid,
}

impl Customer {
    /// What stands for a message's id in the key of the item that records it, as docs/architecture.md says.
    pub fn message_hash(&self, message_id: &str) -> String {
        Uuid::new_v5(&self.namespace, format!("event#message#{message_id}").as_bytes()).to_string()
    }
}

/// A phone number of a tenant.
#[derive(Debug, Clone, PartialEq)]
pub struct Person {
    pub customer: usize,
    pub contact_id: String,
    /// Spellings of one number, all with a country code. The first two are of digits only.
    pub spellings: Vec<String>,
    /// Whether calls delete the contact.
    pub is_deleted: bool,
}

/// All tenants, and the persons that calls of the present epoch are about.
pub struct Population {
    pub customers: Vec<Customer>,
    /// A token whose user has no tenant.
    pub orphan_token: String,
    /// By contact id: every person so far.
    pub known: HashMap<String, Person>,
    /// By customer: the persons of this epoch.
    pub present: Vec<Vec<Person>>,
    /// Persons whose contacts are created before everything else, and about whom no other call is.
    pub still: Vec<Person>,
    /// Contacts whose number changes: for each, the persons that have its numbers. It has the first one to begin with. Nobody else
    /// has one of them.
    pub movers: Vec<Vec<Person>>,
    /// Whether most calls of this epoch are about one person of each customer.
    pub is_crowded: bool,
}

impl Population {
    /// Issues the tokens of this many tenants in the DynamoDB at this address.
    pub async fn issue(engine_url: &str, customers: usize) -> Self {
        let client = Client::new(&local_sdk(), Some(engine_url.to_owned()));
        let access = Access::new(AccessTable::new(client, "AccessTable".into()), 0);
        let issue = async |token: &str, tenant_id: Option<TenantId>, rate_limit| {
            let user = User { id: 7, email: "user@example.com".into(), name: None };
            let new = NewToken { user, tenant_id, label: "stress test".into(), rate_limit, expires_at: None };
            access.issue(token, new).await.unwrap();
        };
        let orphan_token = "orphan-secret".to_owned();
        issue(&orphan_token, None, None).await;
        let mut population = Population {
            customers: Vec::new(),
            orphan_token,
            known: HashMap::new(),
            present: Vec::new(),
            still: Vec::new(),
            movers: Vec::new(),
            is_crowded: false,
        };
        for number in 0..customers {
            let slug = format!("tenant-{number}");
            let tenant_id = access.create_tenant(&slug, slug.parse().unwrap(), None).await.unwrap().id;
            let [token, limited_token, key] = ["token", "limited", "fiq"].map(|kind| format!("{kind}_secret-{number}"));
            issue(&token, Some(tenant_id), None).await;
            issue(&key, Some(tenant_id), None).await;
            issue(&limited_token, Some(tenant_id), Some(RATE_LIMIT)).await;
            let tenant = access.authenticate(&token).await.unwrap().tenant.unwrap();
            let id = tenant.id().to_string();
            let namespace = Tables::open(engine_url).namespace(&id).await;
            population.customers.push(Customer { id, slug, token, limited_token, key, tenant, namespace });
        }
        for customer in 0..customers {
            let persons = (FIRST_STILL..FIRST_STILL + STILL).map(|number| population.person(customer, number));
            let persons: Vec<Person> = persons.collect();
            population.still.extend(persons);
            for first in (0..MOVERS).map(|mover| FIRST_MOVER + mover * NUMBERS) {
                let persons = (first..first + NUMBERS).map(|number| population.person(customer, number));
                let persons: Vec<Person> = persons.collect();
                population.movers.push(persons);
            }
        }
        let persons = population.still.iter().chain(population.movers.iter().flatten());
        population.known.extend(persons.map(|person| (person.contact_id.clone(), person.clone())));
        population
    }

    /// Chooses the persons of an epoch: the lasting ones, and new ones.
    pub fn begin_epoch(&mut self, epoch: usize) {
        self.is_crowded = epoch % 3 == 2;
        let fresh = LASTING + epoch * FRESH;
        let numbers: Vec<usize> = (0..LASTING).chain(fresh..fresh + FRESH).collect();
        self.present.clear();
        for customer in 0..self.customers.len() {
            let persons: Vec<Person> = numbers.iter().map(|number| self.person(customer, *number)).collect();
            self.known.extend(persons.iter().map(|person| (person.contact_id.clone(), person.clone())));
            self.present.push(persons);
        }
    }
}

impl Population {
    /// The first id of the contact that has this id now or had it before. To the judge it is the contact's.
    pub fn first_id<'a>(&'a self, id: &'a str) -> &'a str {
        let mover = self.movers.iter().find(|mover| mover.iter().any(|person| person.contact_id == id));
        mover.map_or(id, |mover| &mover[0].contact_id)
    }

    /// Whether this is the first id of a contact whose number changes.
    pub fn is_mover(&self, id: &str) -> bool {
        self.movers.iter().any(|mover| mover[0].contact_id == id)
    }

    fn person(&self, customer: usize, number: usize) -> Person {
        let spellings = spellings(number);
        let phone = spellings[0].parse().unwrap();
        let contact_id = self.customers[customer].tenant.contact_id(&phone).to_string();
        Person { customer, contact_id, spellings, is_deleted: number.is_multiple_of(3) }
    }
}

/// The spellings of one number. Three of four kinds of number have two forms on WhatsApp.
fn spellings(number: usize) -> Vec<String> {
    let n = number / 4;
    let forms = match number % 4 {
        0 => [format!("55119{}", 80_000_000 + n), format!("5511{}", 80_000_000 + n)],
        1 => [format!("521{}", 5_500_000_000_u64 + n as u64), format!("52{}", 5_500_000_000_u64 + n as u64)],
        2 => [format!("549{}", 1_100_000_000_u64 + n as u64), format!("54{}", 1_100_000_000_u64 + n as u64)],
        _ => [format!("1415{:07}", 5_550_000 + n), format!("1415{:07}", 5_550_000 + n)],
    };
    let [long, short] = &forms;
    vec![
        format!("+{long}"),
        format!("+{short}"),
        format!("00{short}"),
        format!("+{} ({}) {}-{}", &long[..2], &long[2..4], &long[4..8], &long[8..]),
    ]
}
