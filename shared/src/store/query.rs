//! Queries of a tenant's items. Every key condition names the tenant.

use aws_sdk_dynamodb::operation::query::builders::QueryFluentBuilder;

use super::contacts_table::ContactsTable;
use super::keys::{TENANT_ID, s};
use crate::model::Tenant;

/// Which values of a sort key a Query returns.
#[derive(Debug, Clone, Copy)]
pub(super) enum Range<'a> {
    /// Exactly this one.
    Only(&'a str),
    /// Those that begin with a prefix.
    Prefix(&'a str),
    /// Those less than a key.
    Below(&'a str),
    /// Those from the first key to the second one, both included.
    Between(&'a str, &'a str),
    /// A key, and those greater than it.
    From(&'a str),
}

impl ContactsTable {
    /// A Query of all the tenant's items in the table. `#tenant` stands for the name of the partition key.
    pub(super) fn query_all(&self, tenant: &Tenant) -> QueryFluentBuilder {
        let query = self.client.0.query().table_name(&self.name).key_condition_expression("#tenant = :tenant");
        query
            .expression_attribute_names("#tenant", TENANT_ID)
            .expression_attribute_values(":tenant", s(tenant.id().to_string()))
    }

    /// A Query of the tenant's items whose attribute `key` is in a range: the sort key of the table, or, in a Query of an
    /// index, the key attribute that follows the tenant. Expressions of the caller can name them as `#tenant` and `#key`.
    pub(super) fn query(&self, tenant: &Tenant, key: &str, range: Range<'_>) -> QueryFluentBuilder {
        let (condition, first, last) = match range {
            Range::Only(key) => ("#key = :first", key, None),
            Range::Prefix(prefix) => ("begins_with(#key, :first)", prefix, None),
            Range::Below(bound) => ("#key < :first", bound, None),
            Range::Between(first, last) => ("#key BETWEEN :first AND :last", first, Some(last)),
            Range::From(bound) => ("#key >= :first", bound, None),
        };
        let query = self
            .query_all(tenant)
            .key_condition_expression(format!("#tenant = :tenant AND {condition}"))
            .expression_attribute_names("#key", key)
            .expression_attribute_values(":first", s(first));
        match last {
            Some(last) => query.expression_attribute_values(":last", s(last)),
            None => query,
        }
    }
}
