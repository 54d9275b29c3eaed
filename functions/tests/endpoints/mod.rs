//! One file per endpoint, or per group of endpoints: its documented sample, and what it does with contacts step by
//! step. What its answers look like in general, and which inputs it rejects, is in `contract/`.

mod batch_upsert_contacts;
mod create_contact;
mod delete_contact;
mod get_contact;
mod paging;
mod search_contacts;
mod tags;
mod update_contact;
