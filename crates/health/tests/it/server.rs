//! An API server on loopback: TLS with an authority of its own, opened by a client's certificate or a token.

use std::io::{Read, Write};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use airlock_health::{Access, Client};
use airlock_tests::https::{Connection, Https, Identity};

use crate::world::World;

pub(crate) const TOKEN: &str = "token-hunter2-of-the-cluster";

/// How the server behaves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Manner {
    /// As one should.
    Good,
    /// It takes connections and says nothing.
    Silent,
    /// It shakes hands and then says nothing.
    Deaf,
    /// It answers these bytes to everything.
    Says(Vec<u8>),
    /// It answers, and goes on for ever.
    Endless,
}

pub(crate) struct Server {
    pub(crate) https: Https,
    world: Arc<Mutex<World>>,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Server {
    pub(crate) fn start(world: World) -> Self {
        Self::with(world, Manner::Good, Identity::default().years)
    }

    /// A server whose certificate is valid from the one year to the other.
    pub(crate) fn with(world: World, manner: Manner, years: (i32, i32)) -> Self {
        let world = Arc::new(Mutex::new(world));
        let asked = Arc::default();
        let identity = Identity {
            years,
            ..Identity::default()
        };
        let shared = (Arc::clone(&world), Arc::clone(&asked));
        let https = Https::start(&identity, move |connection| {
            serve(connection, &manner, &shared.0, &shared.1)
        });
        Self { https, world, asked }
    }

    pub(crate) fn world(&self) -> MutexGuard<'_, World> {
        self.world.lock().unwrap()
    }

    /// Method and path of everything that was asked.
    pub(crate) fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }

    pub(crate) fn access(&self) -> Access {
        Access {
            authority: Some(self.https.authority.clone().into_bytes()),
            identity: Some(format!("{}\n{}", self.https.client.0, self.https.client.1).into()),
            patience: Duration::from_secs(5),
            ..Access::new(self.https.url().parse().unwrap())
        }
    }

    pub(crate) fn client(&self) -> Client {
        Client::new(self.access()).unwrap()
    }
}

fn serve(
    mut connection: Connection,
    manner: &Manner,
    world: &Mutex<World>,
    asked: &Mutex<Vec<String>>,
) -> std::io::Result<()> {
    if *manner == Manner::Silent {
        while !connection.is_over() && connection.tls.sock.read(&mut [0; 1024])? > 0 {}
        return Ok(());
    }
    while let Some(request) = connection.request()? {
        asked
            .lock()
            .unwrap()
            .push(format!("{} {}", request.method, request.path()));
        match manner {
            Manner::Deaf => {
                while !connection.is_over() && connection.tls.read(&mut [0])? > 0 {}
                return Ok(());
            }
            Manner::Says(bytes) => {
                connection.tls.write_all(bytes)?;
                connection.tls.flush()?;
                return Ok(());
            }
            Manner::Endless => {
                write!(
                    connection.tls,
                    "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"
                )?;
                let chunk = [b"10000\r\n".as_slice(), &vec![b' '; 0x10000], b"\r\n"].concat();
                while !connection.is_over() {
                    connection.tls.write_all(&chunk)?;
                }
                return Ok(());
            }
            Manner::Good | Manner::Silent => {}
        }
        let by_token = request.header("authorization") == Some(&format!("Bearer {TOKEN}"));
        let (status, answer) = if by_token || request.has_certificate {
            world.lock().unwrap().answer(&request)
        } else {
            // As unkind as a server can be: it repeats what it was told.
            let body = serde_json::json!({"kind": "Status", "message": request.head});
            (401, body.to_string())
        };
        connection.answer(&request, status, "application/json", &answer)?;
    }
    Ok(())
}
