//! The dead-letter queues of a deployed stack.

use aws_sdk_sqs::error::DisplayErrorContext;
use aws_sdk_sqs::types::{
    ChangeMessageVisibilityBatchRequestEntry, Message, MessageSystemAttributeName, QueueAttributeName,
};
use carnet_local::BoxError;

use super::letter::Letter;
use super::source::{Queue, Source};
use crate::cloud::{DeployedStack, config};

/// How long a message is invisible to others while it is read, in seconds, if it is not made visible before.
pub(super) const HIDDEN: i32 = 60;
/// How long a receive waits for a message, in seconds. Without waiting, SQS asks some of its servers only.
const WAIT: i32 = 1;
/// The largest number of messages of one request.
const BATCH: i32 = 10;
/// How many messages `list` looks at to find the oldest one.
const SAMPLE: usize = 50;
/// The attribute in which EventBridge says why it could not deliver an event.
const ERROR_CODE: &str = "ERROR_CODE";

/// Clients for a deployed stack, and its outputs.
pub(super) struct Queues {
    pub(super) stack: DeployedStack,
    pub(super) sqs: aws_sdk_sqs::Client,
    pub(super) lambda: aws_sdk_lambda::Client,
    pub(super) eventbridge: aws_sdk_eventbridge::Client,
    pub(super) sfn: aws_sdk_sfn::Client,
}

/// Messages that were received and are visible again.
pub(super) struct Peeked {
    pub(super) letters: Vec<Letter>,
}

impl Queues {
    /// Describes a stack and makes its clients.
    ///
    /// # Errors
    /// When there are no credentials, or the stack does not exist.
    pub(super) async fn open(stack: &str) -> Result<Self, BoxError> {
        let config = config().await;
        Ok(Queues {
            stack: DeployedStack::describe(&config, stack).await?,
            sqs: aws_sdk_sqs::Client::new(&config),
            lambda: aws_sdk_lambda::Client::new(&config),
            eventbridge: aws_sdk_eventbridge::Client::new(&config),
            sfn: aws_sdk_sfn::Client::new(&config),
        })
    }

    /// How full each queue is. The oldest message is the oldest of those that were seen, at most 50 of each queue.
    ///
    /// # Errors
    /// When SQS does not answer or refuses.
    pub(super) async fn list(&self) -> Result<Vec<Queue>, BoxError> {
        let mut queues = Vec::new();
        for source in Source::ALL {
            let (waiting, in_flight) = self.depth(source).await?;
            let seen = if waiting > 0 { self.peek(source, SAMPLE).await?.letters } else { Vec::new() };
            let oldest = seen.iter().filter_map(|letter| letter.sent_at).min();
            queues.push(Queue { source, waiting, in_flight, oldest });
        }
        Ok(queues)
    }

    /// About how many messages a queue has: those that can be received, and those in flight.
    ///
    /// # Errors
    /// When SQS does not answer or refuses.
    pub(super) async fn depth(&self, source: Source) -> Result<(u64, u64), BoxError> {
        let [waiting, in_flight] = [
            QueueAttributeName::ApproximateNumberOfMessages,
            QueueAttributeName::ApproximateNumberOfMessagesNotVisible,
        ];
        let get = self.sqs.get_queue_attributes().queue_url(self.url(source)?);
        let get = get.attribute_names(waiting.clone()).attribute_names(in_flight.clone());
        let answer = get.send().await.map_err(|error| refused(source, &error))?;
        let attributes = answer.attributes.unwrap_or_default();
        let number = |name| attributes.get(&name).and_then(|number| number.parse().ok()).unwrap_or(0);
        Ok((number(waiting), number(in_flight)))
    }

    /// The first messages that SQS returns, at most `limit`. They are invisible to others while they are received, and
    /// visible again afterwards.
    ///
    /// # Errors
    /// When SQS does not answer or refuses. What was received is visible again then too, at the latest after a minute.
    pub(super) async fn peek(&self, source: Source, limit: usize) -> Result<Peeked, BoxError> {
        let mut received: Vec<Message> = Vec::new();
        let result = loop {
            let room = limit.saturating_sub(received.len());
            if room == 0 {
                break Ok(());
            }
            match self.receive(source, room).await {
                Ok(messages) if messages.is_empty() => break Ok(()),
                Ok(messages) => received.extend(messages),
                Err(error) => break Err(error),
            }
        };
        let returned = self.put_back(source, &received).await;
        result.and(returned)?;
        Ok(Peeked { letters: received.into_iter().map(|message| letter(source, message)).collect() })
    }

    /// Receives at most ten messages, which are invisible to others for a minute then.
    ///
    /// # Errors
    /// When SQS does not answer or refuses.
    pub(super) async fn receive(&self, source: Source, limit: usize) -> Result<Vec<Message>, BoxError> {
        let number = i32::try_from(limit).unwrap_or(BATCH).clamp(1, BATCH);
        let receive = self.sqs.receive_message().queue_url(self.url(source)?).max_number_of_messages(number);
        let receive = receive.visibility_timeout(HIDDEN).wait_time_seconds(WAIT);
        let receive = receive.message_system_attribute_names(MessageSystemAttributeName::All);
        let answer = receive.message_attribute_names(ERROR_CODE).send().await;
        Ok(answer.map_err(|error| refused(source, &error))?.messages.unwrap_or_default())
    }

    /// Makes messages visible to others again.
    ///
    /// # Errors
    /// When SQS does not answer or refuses.
    pub(super) async fn put_back(&self, source: Source, messages: &[Message]) -> Result<(), BoxError> {
        for batch in messages.chunks(BATCH.unsigned_abs() as usize) {
            let entry = |(n, message): (usize, &Message)| {
                let entry = ChangeMessageVisibilityBatchRequestEntry::builder().id(n.to_string());
                entry.set_receipt_handle(message.receipt_handle.clone()).visibility_timeout(0).build()
            };
            let entries = batch.iter().enumerate().map(entry).collect::<Result<Vec<_>, _>>()?;
            let change = self.sqs.change_message_visibility_batch().queue_url(self.url(source)?);
            change.set_entries(Some(entries)).send().await.map_err(|error| refused(source, &error))?;
        }
        Ok(())
    }

    /// Deletes a message that was received.
    ///
    /// # Errors
    /// When SQS does not answer or refuses.
    pub(super) async fn delete(&self, source: Source, message: &Message) -> Result<(), BoxError> {
        let delete = self.sqs.delete_message().queue_url(self.url(source)?);
        let deleted = delete.set_receipt_handle(message.receipt_handle.clone()).send().await;
        deleted.map(drop).map_err(|error| refused(source, &error))
    }

    /// The URL of a queue.
    ///
    /// # Errors
    /// When the stack has no such output, because it was deployed with an older template.
    pub(super) fn url(&self, source: Source) -> Result<&str, BoxError> {
        Ok(self.stack.output(source.output())?)
    }
}

/// What SQS says about a queue.
pub(super) fn refused<E: std::error::Error + 'static>(source: Source, error: &E) -> BoxError {
    format!("{}: {}; check what the credentials permit", source.output(), DisplayErrorContext(error)).into()
}

fn letter(source: Source, message: Message) -> Letter {
    let attribute = |name| message.attributes.as_ref()?.get(&name)?.parse::<i64>().ok();
    let code = message.message_attributes.as_ref().and_then(|attributes| attributes.get(ERROR_CODE));
    Letter {
        source,
        sent_at: attribute(MessageSystemAttributeName::SentTimestamp).map(|milliseconds| milliseconds / 1_000),
        receives: attribute(MessageSystemAttributeName::ApproximateReceiveCount).map(i64::unsigned_abs),
        error_code: code.and_then(|code| code.string_value.clone()),
        id: message.message_id.unwrap_or_default(),
        body: message.body.unwrap_or_default(),
    }
}
