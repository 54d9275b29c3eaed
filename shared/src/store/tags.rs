//! The tag catalogue.

use std::collections::BTreeMap;

use super::contacts_table::ContactsTable;
use super::error::{Error, map_sdk_error};
use super::items::read_or_skip;
use super::keys::{DEFINITION, ITEM};
use super::query::Range;
use super::search_request::{TagPage, TagSearch};
use crate::model::{Tag, TagDefinition, Tenant};

impl ContactsTable {
    /// The first `limit` matching tags of the tenant's catalogue that follow the tag `after`. Tags that no contact has any
    /// more are included. Strongly consistent.
    ///
    /// Pages that follow each other contain every tag that was in the catalogue from the beginning exactly once.
    ///
    /// Cost: one Query (256 read units) per MB of catalogue, some 6,000 tags. Every page reads the whole catalogue, because
    /// its items are sorted by code point, which puts `Zoo` before `art`. In memory there are at most `limit` + 1 tags.
    ///
    /// # Errors
    /// [`Error::Throttled`], [`Error::Unavailable`], [`Error::Internal`].
    pub async fn tags(
        &self,
        tenant: &Tenant,
        search: &TagSearch,
        after: Option<&Tag>,
        limit: usize,
    ) -> Result<TagPage, Error> {
        let query = self.query(tenant, ITEM, Range::Prefix(DEFINITION)).consistent_read(true);
        let mut definitions = query.into_paginator().items().send();
        let after = after.map(sort_key);
        let mut found: BTreeMap<(String, Tag), TagDefinition> = BTreeMap::new();
        while let Some(item) = definitions.next().await {
            let item = item.map_err(map_sdk_error("Query of the tag catalogue"))?;
            let Some(definition) = read_or_skip::<TagDefinition>(item) else { continue };
            let key = sort_key(&definition.name);
            let is_wanted = search.part.as_ref().is_none_or(|part| part.is_in(definition.name.as_str()));
            if is_wanted && after.as_ref().is_none_or(|after| key > *after) {
                found.insert(key, definition);
                if found.len() > limit + 1 {
                    found.pop_last();
                }
            }
        }
        let has_more = found.len() > limit;
        let tags: Vec<TagDefinition> = found.into_values().take(limit).collect();
        let next = tags.last().filter(|_| has_more).map(|last| last.name.clone());
        Ok(TagPage { tags, next })
    }
}

/// What tags are sorted by.
fn sort_key(tag: &Tag) -> (String, Tag) {
    (tag.as_str().to_lowercase(), tag.clone())
}
