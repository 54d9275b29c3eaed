//! `carnet dead-letters`: what could not be processed, and how to send it again.

#[cfg(feature = "cloud")]
mod aws;
mod letter;
mod local;
#[cfg(feature = "cloud")]
mod redrive;
mod source;

use carnet_local::BoxError;
use clap::{Args as ClapArgs, Subcommand};
use serde_json::Value;

use crate::output::{print, print_json, table};
use crate::show::second;
use crate::target::StackArgs;
use letter::Letter;
use source::{Done, Queue, Source};

/// The end of the long help.
pub(crate) const HELP: &str = "\
What fails for good goes to the dead-letter queue of its source and stays for 14 days:

  message     messages of MessageQueue that failed ten times
  consent     messages of ConsentQueue
  state       messages of StateQueue
  bus         events of the bus that EventBridge could not deliver
  invocation  asynchronous invocations, those by events among them, that failed three times
  import      events of files in the import bucket whose import could not be started
  stream      changes of contacts that could not be published

`list` shows how many messages wait and since when, `show` what they are, without deleting them.
While they are read they are invisible to others, which ends at once when they have been read.
Bodies contain personal data and are shown only with --body.

Find the cause first: the logs of the function have the error under the message's id. Then
`redrive` sends the messages again, which is safe to repeat, because what was applied is
recognised. It asks first. Messages of message, consent and state are moved back by SQS. Those of
invocation are invoked again, each deleted when the function has succeeded; those of bus are put
on the bus again, each deleted when it was accepted; for those of import, the import is started. Changes of contacts cannot be published
again: `show stream` names the contacts, `delete stream` removes the messages.

The local stack has no queues. `list` and `show` read what it would have sent there, which is in
failures.jsonl in its data directory; delete the file to forget it.

With --json, standard output is a list: of `list` {\"queue\", \"output\", \"source\", \"waiting\",
\"in_flight\", \"oldest\"}, of `show` {\"queue\", \"message_id\", \"sent_at\", \"receives\",
\"reason\", \"about\"}, with --body also \"body\", the text of the message. \"oldest\" is null for
an empty queue. `redrive` and `delete` print {\"queue\", \"done\", \"left\", \"problems\"}.

Examples:
  carnet dead-letters list --stack carnet
  carnet dead-letters show invocation --stack carnet
  carnet dead-letters redrive message --stack carnet
  carnet dead-letters delete stream --stack carnet --yes

Exit status: 0 if it was done, 1 if it failed, was not confirmed or left messages, 2 if the
arguments are wrong.";

/// Options of `carnet dead-letters`.
#[derive(Debug, ClapArgs)]
pub(crate) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// List the queues: how many messages wait, and since when
    #[command(after_long_help = HELP)]
    List(ListArgs),
    /// Show messages without taking them
    #[command(after_long_help = HELP)]
    Show(ShowArgs),
    /// Send the messages of a queue again
    #[command(after_long_help = HELP)]
    Redrive(ChangeArgs),
    /// Delete the messages of a queue
    #[command(after_long_help = HELP)]
    Delete(ChangeArgs),
}

#[derive(Debug, ClapArgs)]
struct ListArgs {
    /// Print JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    stack: StackArgs,
}

#[derive(Debug, ClapArgs)]
struct ShowArgs {
    /// The queue; all without it
    queue: Option<Source>,
    /// How many messages of each queue are shown at most
    #[arg(long, value_name = "N", default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..=1_000))]
    limit: u32,
    /// Show the bodies too, which contain personal data
    #[arg(long)]
    body: bool,
    /// Print JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    stack: StackArgs,
}

#[derive(Debug, ClapArgs)]
struct ChangeArgs {
    /// The queue
    queue: Source,
    /// Do not ask
    #[arg(long, short)]
    yes: bool,
    /// Print JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    stack: StackArgs,
}

/// Runs the command.
///
/// # Errors
/// When it fails, or leaves messages; the text says what to do.
pub(crate) async fn run(args: Args) -> Result<(), BoxError> {
    match args.command {
        Command::List(args) => list(args).await,
        Command::Show(args) => show(args).await,
        Command::Redrive(args) => change(args, false).await,
        Command::Delete(args) => change(args, true).await,
    }
}

async fn list(args: ListArgs) -> Result<(), BoxError> {
    let queues = match &args.stack.stack {
        Some(stack) => deployed_queues(stack).await?,
        None => local::queues(args.stack.data.clone())?,
    };
    if args.json {
        return print_json(&queues.iter().map(Queue::document).collect::<Value>());
    }
    let row = |queue: &Queue| {
        let oldest = queue.oldest.map(second).unwrap_or_default();
        let source = queue.source.description().to_owned();
        [queue.source.name().to_owned(), queue.waiting.to_string(), queue.in_flight.to_string(), oldest, source]
    };
    let rows: Vec<_> = queues.iter().map(row).collect();
    print(&table(["QUEUE", "WAITING", "BEING READ", "OLDEST", "WHAT IT HOLDS"], &rows))
}

async fn show(args: ShowArgs) -> Result<(), BoxError> {
    let sources = args.queue.map_or(Source::ALL.to_vec(), |source| vec![source]);
    let letters = match &args.stack.stack {
        Some(stack) => deployed_letters(stack, &sources, args.limit as usize).await?,
        None => local::letters(args.stack.data.clone(), &sources, args.limit as usize)?,
    };
    if args.json {
        return print_json(&letters.iter().map(|letter| letter.document(args.body)).collect::<Value>());
    }
    if letters.is_empty() {
        return print("No messages.\n");
    }
    let row = |letter: &Letter| {
        let sent = letter.sent_at.map(second).unwrap_or_default();
        [letter.source.name().to_owned(), sent, letter.id.clone(), letter.reason(), letter.about()]
    };
    let rows: Vec<_> = letters.iter().map(row).collect();
    print(&table(["QUEUE", "SENT", "MESSAGE ID", "REASON", "ABOUT"], &rows))?;
    for letter in letters.iter().filter(|_| args.body) {
        print(&format!("\n{}\n{}\n", letter.id, crate::output::plain(&letter.body)))?;
    }
    Ok(())
}

async fn change(args: ChangeArgs, is_deletion: bool) -> Result<(), BoxError> {
    let Some(stack) = &args.stack.stack else { return Err(local::NO_QUEUES.into()) };
    if !is_deletion && args.queue == Source::Stream {
        return Err("changes of contacts cannot be published again, because the stream keeps them for a day; `carnet \
                    dead-letters show stream` names the contacts, whose current state `get-contact` returns, and \
                    `carnet dead-letters delete stream` removes the messages"
            .into());
    }
    let done = changed(stack, &args, is_deletion).await?;
    let problems = done.problems.join("; ");
    if args.json {
        print_json(&serde_json::json!({
            "queue": args.queue.name(), "done": done.done, "left": done.left, "problems": done.problems,
        }))?;
    } else {
        let verb = if is_deletion { "Deleted" } else { "Sent again" };
        print(&format!("{verb}: {} messages of {}; about {} are left.\n", done.done, args.queue.name(), done.left))?;
    }
    if problems.is_empty() { Ok(()) } else { Err(format!("messages were left: {problems}").into()) }
}

#[cfg(feature = "cloud")]
async fn deployed_queues(stack: &str) -> Result<Vec<Queue>, BoxError> {
    aws::Queues::open(stack).await?.list().await
}

#[cfg(feature = "cloud")]
async fn deployed_letters(stack: &str, sources: &[Source], limit: usize) -> Result<Vec<Letter>, BoxError> {
    let queues = aws::Queues::open(stack).await?;
    let mut letters = Vec::new();
    for source in sources {
        letters.extend(queues.peek(*source, limit).await?.letters);
    }
    Ok(letters)
}

#[cfg(feature = "cloud")]
async fn changed(stack: &str, args: &ChangeArgs, is_deletion: bool) -> Result<Done, BoxError> {
    let queues = aws::Queues::open(stack).await?;
    let queue = queues.depth(args.queue).await?;
    let verb = if is_deletion { "Delete" } else { "Send again" };
    crate::output::confirm(
        &format!("{verb} about {} messages of {stack}'s {}?", queue.0 + queue.1, args.queue.name()),
        args.yes,
    )?;
    if is_deletion { redrive::delete(&queues, args.queue).await } else { redrive::redrive(&queues, args.queue).await }
}

#[cfg(not(feature = "cloud"))]
async fn deployed_queues(_: &str) -> Result<Vec<Queue>, BoxError> {
    Err(crate::target::without_cloud())
}

#[cfg(not(feature = "cloud"))]
async fn deployed_letters(_: &str, _: &[Source], _: usize) -> Result<Vec<Letter>, BoxError> {
    Err(crate::target::without_cloud())
}

#[cfg(not(feature = "cloud"))]
async fn changed(_: &str, _: &ChangeArgs, _: bool) -> Result<Done, BoxError> {
    Err(crate::target::without_cloud())
}
