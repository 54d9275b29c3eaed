//! What the functions ask of DynamoDB, and what they do when it fails.
//!
//! | file | owns |
//! |---|---|
//! | `cost_table/` | the table of docs/costs.md against the counted units |
//! | `request_cost.rs` | the requests and capacity units of each endpoint |
//! | `access_table.rs` | creating tenants, issuing tokens, and the index of the access table |
//! | `access_operators.rs` | changing tenants, rotating and revoking tokens, concurrently and with lost responses |
//! | `access_usage.rs` | the calls that the rate limit counts by day |
//! | `tenant_deletion.rs` | deleting a tenant: completely, interrupted at every request, while DynamoDB throttles |
//! | `change_phone.rs` | a contact gets another number, with writers and other contacts at the same time |
//! | `concurrency.rs` | simultaneous writes by several processes |
//! | `faults.rs` | throttling, conflicts, lost requests and responses, stale indexes, timeouts |
//! | `paging.rs` | what a page of a list costs, and a search that runs out of time |
//! | `shared_address.rs` | requests and memory with thousands of contacts of one email address |
//! | `random_histories.rs` | random interleaved writes under random faults |
//! | `slow_repair.rs` | a repair at a low rate |
//! | `verification.rs` | verifying and repairing a tenant, with writers and with sabotaged items |

mod access_operators;
mod access_table;
mod access_usage;
mod change_phone;
mod concurrency;
mod cost_table;
mod erasure;
mod faults;
mod paging;
mod random_histories;
mod request_cost;
mod shared_address;
mod slow_repair;
mod tenant_deletion;
mod verification;
