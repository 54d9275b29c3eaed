//! What requests consume: DynamoDB's capacity units, added up for each call.
//!
//! Reporting is off unless Carnet logs at the level `DEBUG`. Then every request asks for `ReturnConsumedCapacity`, which
//! costs nothing and makes each response a few dozen bytes longer. At other levels no interceptor is registered.

use std::sync::{Arc, Mutex, PoisonError};

use aws_sdk_dynamodb::config::interceptors::{
    AfterDeserializationInterceptorContextRef, BeforeSerializationInterceptorContextMut,
};
use aws_sdk_dynamodb::config::{ConfigBag, Intercept, RuntimeComponents};
use aws_sdk_dynamodb::error::BoxError;
use aws_sdk_dynamodb::operation::batch_get_item::{BatchGetItemInput, BatchGetItemOutput};
use aws_sdk_dynamodb::operation::get_item::{GetItemInput, GetItemOutput};
use aws_sdk_dynamodb::operation::put_item::{PutItemInput, PutItemOutput};
use aws_sdk_dynamodb::operation::query::{QueryInput, QueryOutput};
use aws_sdk_dynamodb::operation::transact_write_items::{TransactWriteItemsInput, TransactWriteItemsOutput};
use aws_sdk_dynamodb::operation::update_item::{UpdateItemInput, UpdateItemOutput};
use aws_sdk_dynamodb::types::{ConsumedCapacity, ReturnConsumedCapacity};

/// The capacity units of some requests, on tables and indexes together.
///
/// Included are successful requests only. DynamoDB bills a refused conditional write and a cancelled transaction too,
/// but does not report their units.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct ConsumedUnits {
    /// Read units: 0.5 for up to 4 KB that are read eventually consistent, 1 for up to 4 KB read strongly consistent.
    pub read: f64,
    /// Write units: 1 for each KB of an item in the table and in each index that changes; 2 in a transaction.
    pub write: f64,
}

/// Adds up the units of all requests of a client. Clones share the sum. A process of a function has one call at a time,
/// so the sum is that of the call.
#[derive(Debug, Clone, Default)]
pub(super) struct UnitCounter(Arc<Mutex<ConsumedUnits>>);

impl UnitCounter {
    /// The units since the last time; the sum begins anew.
    pub(super) fn take(&self) -> ConsumedUnits {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn add(&self, kind: UnitKind, reported: &impl Reported) {
        let units = reported.units();
        let mut sum = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match kind {
            UnitKind::Read => sum.read += units,
            UnitKind::Write => sum.write += units,
        }
    }
}

enum UnitKind {
    Read,
    Write,
}

/// What a response says about units: one table, or several in a batch or a transaction. It says nothing unless the
/// request asked for it.
pub(super) trait Reported {
    /// The units, on tables and indexes together; 0 if the response does not say.
    fn units(&self) -> f64;
}

impl<T: Reported> Reported for Option<T> {
    fn units(&self) -> f64 {
        self.as_ref().map_or(0.0, Reported::units)
    }
}

impl Reported for ConsumedCapacity {
    fn units(&self) -> f64 {
        self.capacity_units.unwrap_or_default()
    }
}

impl Reported for Vec<ConsumedCapacity> {
    fn units(&self) -> f64 {
        self.iter().map(Reported::units).sum()
    }
}

/// Asks for the units if the input is one of these types.
macro_rules! ask {
    ($input:expr, $($type:ty),*) => {
        $(if let Some(input) = $input.downcast_mut::<$type>() {
            input.return_consumed_capacity = Some(ReturnConsumedCapacity::Total);
        })*
    };
}

/// Adds the units if the output is one of these types.
macro_rules! count {
    ($counter:expr, $output:expr, $($kind:ident: $type:ty),*) => {
        $(if let Some(output) = $output.downcast_ref::<$type>() {
            $counter.add(UnitKind::$kind, &output.consumed_capacity);
        })*
    };
}

// An operation that is missing below is not counted; the tests compare the sums with what a proxy has counted.
impl Intercept for UnitCounter {
    fn name(&self) -> &'static str {
        "UnitCounter"
    }

    fn modify_before_serialization(
        &self,
        context: &mut BeforeSerializationInterceptorContextMut<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let input = context.input_mut();
        ask!(
            input,
            GetItemInput,
            BatchGetItemInput,
            QueryInput,
            PutItemInput,
            UpdateItemInput,
            TransactWriteItemsInput
        );
        Ok(())
    }

    fn read_after_deserialization(
        &self,
        context: &AfterDeserializationInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        if let Ok(output) = context.output_or_error() {
            count!(self, output, Read: GetItemOutput, Read: BatchGetItemOutput, Read: QueryOutput);
            count!(self, output, Write: PutItemOutput, Write: UpdateItemOutput, Write: TransactWriteItemsOutput);
        }
        Ok(())
    }
}
