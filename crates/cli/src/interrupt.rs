//! Ctrl-C: the first one ends the command in order, so that what was done stays resumable.

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::failure::{Exit, Failure, Result};
use crate::print;

/// Runs asynchronous work until it is done or Ctrl-C (or SIGTERM) comes. Work that is dropped leaves
/// resumable files behind, since every writer names its result only when it is complete.
pub(crate) fn until_done<T>(work: impl Future<Output = Result<T>>) -> Result<T> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let result = runtime.block_on(async {
        let mut terminate = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())?;
        tokio::select! {
            result = work => result,
            _ = tokio::signal::ctrl_c() => Err(interrupted()),
            _ = terminate.recv() => Err(interrupted()),
        }
    });
    // Blocking work that still runs must not keep the terminal.
    runtime.shutdown_timeout(std::time::Duration::from_secs(2));
    result
}

/// Runs what itself listens for [`requested`]: a server, or work that cleans up after itself.
pub(crate) fn serving<T>(work: impl Future<Output = Result<T>>) -> Result<T> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let result = runtime.block_on(work);
    runtime.shutdown_timeout(std::time::Duration::from_secs(2));
    result
}

/// A future that ends at Ctrl-C or SIGTERM, for servers that then shut down in order.
pub(crate) async fn requested() {
    let terminate = async {
        match tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate()) {
            Ok(mut signal) => {
                signal.recv().await;
            }
            Err(_) => std::future::pending().await,
        }
    };
    tokio::select! {
        _ = tokio::signal::ctrl_c() => {}
        () = terminate => {}
    }
}

/// Runs blocking work that looks at a flag between its steps: Ctrl-C or SIGTERM sets it, and the step that is being made
/// is still ended in order.
pub(crate) fn watched<T: Send>(work: impl FnOnce(&Arc<AtomicBool>) -> Result<T> + Send) -> Result<T> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let stop = Arc::new(AtomicBool::new(false));
    std::thread::scope(|scope| {
        let (done, ended) = tokio::sync::oneshot::channel::<()>();
        let worker = scope.spawn(|| {
            let result = work(&stop);
            // Nobody waits for it any more only where the signals could not be listened for.
            let _ = done.send(());
            result
        });
        runtime.block_on(async {
            tokio::select! {
                _ = ended => {}
                () = requested() => {}
            }
        });
        if !worker.is_finished() {
            stop.store(true, Ordering::Relaxed);
            print::line("stopping; what has been begun is ended first");
        }
        match worker.join() {
            Ok(result) => result,
            Err(panic) => std::panic::resume_unwind(panic),
        }
    })
}

pub(crate) fn interrupted() -> Failure {
    interrupted_by(anyhow::anyhow!("interrupted"))
}

/// The same, with what was interrupted.
pub(crate) fn interrupted_by(error: anyhow::Error) -> Failure {
    Failure {
        exit: Exit::Interrupted,
        error,
        hint: Some("run the same command again to go on from here".to_owned()),
    }
}
