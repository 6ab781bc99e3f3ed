//! Requests without a connection, for the fuzz target; no part of the interface.

use std::net::{Ipv4Addr, SocketAddr};
use std::pin::pin;
use std::sync::Arc;

use airlock_content::GenerationView;
use http::{Request, Response};
use hyper::body::Body as _;

use crate::Config;
use crate::app::App;

/// A registry that nobody can connect to.
pub struct Exchange<V>(Arc<App<V>>);

impl<V> std::fmt::Debug for Exchange<V> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Exchange").finish_non_exhaustive()
    }
}

impl<V: GenerationView + 'static> Exchange<V> {
    /// A registry over `view`.
    pub fn new(view: Arc<V>) -> Self {
        let nowhere = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        Self(Arc::new(App::new(view, Config::new(nowhere))))
    }

    /// The whole answer to one request; `None` for the body when it broke off.
    pub async fn answer(&self, request: Request<()>) -> Response<Option<Vec<u8>>> {
        let peer = SocketAddr::from((Ipv4Addr::LOCALHOST, 1));
        let response = Arc::clone(&self.0).handle(peer, request.into_parts().0).await;
        let (parts, body) = response.into_parts();
        let mut body = pin!(body);
        let mut bytes = Some(Vec::new());
        while let Some(frame) = std::future::poll_fn(|context| body.as_mut().poll_frame(context)).await {
            match (frame.map(hyper::body::Frame::into_data), &mut bytes) {
                (Ok(Ok(data)), Some(bytes)) => bytes.extend_from_slice(&data),
                (Ok(_), _) => {}
                (Err(_), _) => {
                    bytes = None;
                    break;
                }
            }
        }
        Response::from_parts(parts, bytes)
    }
}
