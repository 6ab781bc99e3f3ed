use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use airlock_content::GenerationView;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;

use crate::app::App;
use crate::config::Config;
use crate::metrics::count;
use crate::stall::Stalling;

/// A server cannot listen.
#[derive(Debug, thiserror::Error)]
#[error("cannot listen on this address: {address}")]
pub struct BindError {
    /// The address.
    pub address: SocketAddr,
    /// The operating system's answer.
    #[source]
    pub source: io::Error,
}

/// A registry that listens and is ready to serve.
#[derive(Debug)]
pub struct Server {
    listener: TcpListener,
    address: SocketAddr,
    config: Config,
}

impl Server {
    /// Listens. Clients can connect from now on and are answered once [`serve`](Self::serve) runs.
    pub async fn bind(config: Config) -> Result<Self, BindError> {
        let error = |source| BindError {
            address: config.listen,
            source,
        };
        let listener = TcpListener::bind(config.listen).await.map_err(error)?;
        Self::from_listener(listener, config)
    }

    /// Takes a socket that listens already, as service managers pass it.
    pub fn from_listener(listener: TcpListener, config: Config) -> Result<Self, BindError> {
        let address = listener.local_addr().map_err(|source| BindError {
            address: config.listen,
            source,
        })?;
        Ok(Self {
            listener,
            address,
            config,
        })
    }

    /// Where it listens, with the port that was chosen.
    pub fn local_addr(&self) -> SocketAddr {
        self.address
    }

    /// `http://127.0.0.1:5000`, as clients on this machine reach it.
    pub fn base_url(&self) -> String {
        let scheme = if self.config.tls.is_some() {
            "https"
        } else {
            "http"
        };
        format!("{scheme}://{}", self.address)
    }

    /// Serves until `shutdown` is ready, then lets running requests end within
    /// [`Limits::drain`](crate::Limits::drain).
    ///
    /// A view that has no generation yet is answered for with `503` until it has.
    pub async fn serve<V>(self, view: Arc<V>, shutdown: impl Future<Output = ()>)
    where
        V: GenerationView + 'static,
    {
        let limits = self.config.limits;
        let tls = self.config.tls.clone().map(TlsAcceptor::from);
        let app = Arc::new(App::new(view, self.config));
        app.prepare().await;
        let places = Arc::new(Semaphore::new(limits.connections.min(Semaphore::MAX_PERMITS)));
        let (stop, stopped) = watch::channel(false);
        let mut connections = JoinSet::new();
        let mut shutdown = std::pin::pin!(shutdown);

        loop {
            // The place comes first: who finds none waits in the system's queue.
            let accept = async {
                let place = Arc::clone(&places).acquire_owned().await;
                (place, self.listener.accept().await)
            };
            let (place, accepted) = tokio::select! {
                biased;
                () = &mut shutdown => break,
                Some(_) = connections.join_next(), if !connections.is_empty() => continue,
                accepted = accept => accepted,
            };
            let (Ok(place), (stream, peer)) = (
                place,
                match accepted {
                    Ok(accepted) => accepted,
                    Err(error) => {
                        accept_failed(&error).await;
                        continue;
                    }
                },
            ) else {
                break;
            };
            let (app, tls, stopped) = (Arc::clone(&app), tls.clone(), stopped.clone());
            connections.spawn(async move {
                count(&app.metrics.connections_total);
                app.metrics.connections.fetch_add(1, Ordering::Relaxed);
                connection(&app, tls, stream, peer, stopped).await;
                app.metrics.connections.fetch_sub(1, Ordering::Relaxed);
                drop(place);
            });
        }

        drop(self.listener);
        // Receivers may be gone already; then nobody needs to know.
        let _ = stop.send(true);
        let drained = tokio::time::timeout(limits.drain, async {
            while connections.join_next().await.is_some() {}
        })
        .await;
        if drained.is_err() {
            tracing::warn!(
                connections = connections.len(),
                "requests that did not end in time are broken off"
            );
            connections.shutdown().await;
        }
    }
}

/// A client that gave up while it waited is no trouble; running out of file descriptors passes when
/// connections end.
async fn accept_failed(error: &io::Error) {
    if matches!(
        error.kind(),
        io::ErrorKind::ConnectionAborted | io::ErrorKind::ConnectionReset | io::ErrorKind::Interrupted
    ) {
        return;
    }
    tracing::error!(%error, "accepting a connection failed");
    tokio::time::sleep(Duration::from_millis(100)).await;
}

async fn connection<V: GenerationView + 'static>(
    app: &Arc<App<V>>,
    tls: Option<TlsAcceptor>,
    stream: TcpStream,
    peer: SocketAddr,
    stopped: watch::Receiver<bool>,
) {
    // Without it, small answers wait for the acknowledgement of earlier ones.
    let _ = stream.set_nodelay(true);
    let limits = app.config.limits;
    let stream = Stalling::new(stream, limits.stall_timeout);
    let Some(acceptor) = tls else {
        return http(app, stream, peer, stopped).await;
    };
    match tokio::time::timeout(limits.handshake_timeout, acceptor.accept(stream)).await {
        Ok(Ok(stream)) => http(app, stream, peer, stopped).await,
        Ok(Err(error)) => tracing::debug!(%peer, %error, "a TLS handshake failed"),
        Err(_) => tracing::debug!(%peer, "a TLS handshake took too long"),
    }
}

async fn http<V, S>(app: &Arc<App<V>>, stream: S, peer: SocketAddr, mut stopped: watch::Receiver<bool>)
where
    V: GenerationView + 'static,
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let service = service_fn(|request: hyper::Request<hyper::body::Incoming>| {
        // The body is dropped unread: nothing is written here.
        let (parts, _) = request.into_parts();
        let app = Arc::clone(app);
        async move { Ok::<_, std::convert::Infallible>(app.handle(peer, parts).await) }
    });
    let mut builder = hyper::server::conn::http1::Builder::new();
    builder
        .timer(TokioTimer::new())
        .header_read_timeout(app.config.limits.header_timeout)
        // Not `pipeline_flush`: it lifts this bound, and a slow client's blob piles up in memory.
        .max_buf_size(64 << 10);
    let stop = async {
        // An error means that the server is gone, which is a stop as well.
        let _ = stopped.wait_for(|stopped| *stopped).await;
    };
    let mut connection = std::pin::pin!(builder.serve_connection(TokioIo::new(stream), service));
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = stop => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        // Clients leave when they please, in the middle of a blob too.
        tracing::debug!(%peer, %error, "a connection ended early");
    }
}
