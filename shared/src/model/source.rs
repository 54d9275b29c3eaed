//! How a contact was created.

use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::violation::Violation;

/// How a contact was created.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "the variants are named after the wire values")]
pub enum Source {
    Manual,
    CsvImport,
    Shopify,
    Woocommerce,
    Widget,
    Zapier,
    Api,
}

impl FromStr for Source {
    type Err = Violation;

    fn from_str(text: &str) -> Result<Self, Violation> {
        match text {
            "manual" => Ok(Source::Manual),
            "csv_import" => Ok(Source::CsvImport),
            "shopify" => Ok(Source::Shopify),
            "woocommerce" => Ok(Source::Woocommerce),
            "widget" => Ok(Source::Widget),
            "zapier" => Ok(Source::Zapier),
            "api" => Ok(Source::Api),
            _ => {
                Err(Violation::NotOneOf(&["manual", "csv_import", "shopify", "woocommerce", "widget", "zapier", "api"]))
            }
        }
    }
}
