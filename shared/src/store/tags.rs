//! The tag catalogue.

use super::contacts_table::ContactsTable;
use super::error::{Error, map_sdk_error};
use super::items::read_or_skip;
use super::keys::{DEFINITION, ITEM};
use super::query::Range;
use crate::model::{SearchQuery, TagDefinition, Tenant};

/// The maximum number of tags in an answer.
const MAX_TAGS: usize = 1_000;

impl ContactsTable {
    /// The tags of the tenant's catalogue whose name contains `part`, ignoring case and accents, sorted
    /// by code point: the first 1,000. Tags that no contact has any more are included. Strongly consistent.
    ///
    /// Cost: one Query; with `part`, one Query (256 read units) per MB of catalogue until 1,000 tags have
    /// been found.
    ///
    /// # Errors
    /// [`Error::Throttled`], [`Error::Unavailable`], [`Error::Internal`].
    pub async fn tags(&self, tenant: &Tenant, part: Option<&SearchQuery>) -> Result<Vec<TagDefinition>, Error> {
        let query = self.query(tenant, ITEM, Range::Prefix(DEFINITION)).consistent_read(true);
        // Without a filter, the first page is the answer.
        let query = query.set_limit(part.is_none().then_some(MAX_TAGS as i32));
        let mut definitions = query.into_paginator().items().send();
        let mut found: Vec<TagDefinition> = Vec::new();
        while found.len() < MAX_TAGS
            && let Some(item) = definitions.next().await
        {
            let item = item.map_err(map_sdk_error("Query of the tag catalogue"))?;
            let Some(definition) = read_or_skip::<TagDefinition>(item) else { continue };
            if part.is_none_or(|part| part.is_in(definition.name.as_str())) {
                found.push(definition);
            }
        }
        Ok(found)
    }
}
