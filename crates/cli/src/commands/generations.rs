//! `airlock generations` and `airlock rollback`: what was current when, and the way back.

use airlock_content::{Move, PublishStore};
use airlock_store::Store;
use serde::Serialize;

use crate::args::{GenerationsArgs, Global, RollbackArgs};
use crate::failure::{Failure, Result};
use crate::{clock, print};

#[derive(Serialize)]
struct Line {
    number: u64,
    generation: String,
    time: String,
    cause: String,
    held: bool,
    current: bool,
}

impl From<&Move> for Line {
    fn from(step: &Move) -> Self {
        Self {
            number: step.number,
            generation: step.id.to_string(),
            time: step.time.clone(),
            cause: step.cause.to_string(),
            held: step.held,
            current: step.current,
        }
    }
}

pub(crate) fn run(args: &GenerationsArgs, global: &Global) -> Result {
    let store = Store::open(&args.store.store)?;
    let lines: Vec<Line> = store.history()?.iter().map(Line::from).collect();
    print::result(global, &lines, || {
        if lines.is_empty() {
            return "nothing was imported yet\n".to_owned();
        }
        let mut out = String::new();
        for line in &lines {
            let mark = if line.current { "*" } else { " " };
            let gone = if line.held {
                ""
            } else {
                "  (collected; cannot be rolled back to)"
            };
            out.push_str(&format!(
                "{mark} {:>4}  {}  {}  {}{gone}\n",
                line.number,
                line.time,
                &line.generation[..19.min(line.generation.len())],
                line.cause
            ));
        }
        out
    })
}

pub(crate) fn rollback(args: &RollbackArgs, global: &Global) -> Result {
    let store = Store::open(&args.store.store)?;
    let history = store.history()?;
    let to = target(&history, args.to.as_deref())?;
    let published = store.rollback(to, &clock::now())?;
    let now = store.history()?;
    let line = now
        .iter()
        .find(|step| step.number == published.number)
        .map(Line::from);
    print::result(global, &line, || {
        let mut out = format!("generation {to} is current again ({})\n", published.id);
        for missing in &published.damaged {
            out.push_str(&format!("damaged: it lacks {missing:?}\n"));
        }
        out
    })
}

/// The number meant: given, named by the start of a digest, or that of the generation before.
fn target(history: &[Move], to: Option<&str>) -> Result<u64> {
    let Some(current) = history.iter().find(|step| step.current) else {
        return Err(Failure::from(anyhow::anyhow!(
            "nothing was imported yet, so there is nothing to go back to"
        )));
    };
    let Some(text) = to else {
        return history
            .iter()
            .rev()
            .skip_while(|step| !step.current)
            .find(|step| step.id != current.id && step.held)
            .map(|step| step.number)
            .ok_or_else(|| {
                Failure::from(anyhow::anyhow!("there is no earlier generation to go back to"))
                    .hint("`airlock generations` lists what is held")
            });
    };
    let digits = text.strip_prefix("sha256:").unwrap_or(text);
    history
        .iter()
        .rev()
        .find(|step| {
            step.number.to_string() == text || (digits.len() >= 6 && step.id.hex().starts_with(digits))
        })
        .map(|step| step.number)
        .ok_or_else(|| {
            Failure::from(anyhow::anyhow!("the store has no such generation: {text}"))
                .hint("`airlock generations` lists them")
        })
}
