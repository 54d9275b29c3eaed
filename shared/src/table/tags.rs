//! The tags a tenant has used.

use super::Table;
use super::fault::fault;
use super::items::read;
use super::keys::{DEFINITION, ITEM, TENANT_ID, s};
use crate::access::Tenant;
use crate::contact::{Query, TagDefinition};
use crate::error::Error;

/// How many tags are shown at most.
const SHOWN: usize = 1_000;

impl Table {
    /// The tenant's tags whose name contains `part`, in the order of their characters, at most
    /// 1,000. Also those that no contact has any more. A tag is there at once.
    ///
    /// One request, unless `part` is given and the tenant has thousands of tags: they are all read.
    ///
    /// # Errors
    /// [`Error::Throttled`], [`Error::Internal`].
    pub async fn tags(&self, tenant: &Tenant, part: Option<&Query>) -> Result<Vec<TagDefinition>, Error> {
        let query = self.client.0.query().table_name(&self.name).consistent_read(true);
        let query = query
            .key_condition_expression("#tenant = :tenant AND begins_with(#item, :definition)")
            .expression_attribute_names("#tenant", TENANT_ID)
            .expression_attribute_names("#item", ITEM)
            .expression_attribute_values(":tenant", s(tenant.id().to_string()))
            .expression_attribute_values(":definition", s(DEFINITION))
            // Without a part to look for, a page of so many is the answer.
            .set_limit(part.is_none().then_some(SHOWN as i32));
        let mut definitions = query.into_paginator().items().send();
        let mut found: Vec<TagDefinition> = Vec::new();
        while found.len() < SHOWN
            && let Some(item) = definitions.next().await
        {
            let definition: TagDefinition = read(item.map_err(fault("Query of definitions"))?)?;
            if part.is_none_or(|part| part.is_in(definition.name.as_str())) {
                found.push(definition);
            }
        }
        Ok(found)
    }
}
