//! The interface by which the kubelet asks containerd for images (Container Runtime Interface, `runtime.v1`): gRPC over
//! HTTP/2 on a Unix socket, with the two calls that are needed written out.

use std::path::Path;
use std::time::Duration;

use h2::client;
use http::{HeaderMap, Request};
use tokio::net::UnixStream;

/// What one call may take.
const LIMIT: Duration = Duration::from_mins(1);

/// Pulls an image. The error is what containerd says.
pub(crate) fn pull(socket: &Path, image: &str) -> Result<(), String> {
    // PullImageRequest.image and ImageSpec.image are both the first field.
    asked(socket, "PullImage", &field(&field(image.as_bytes()))).map(|_| ())
}

/// The names and digests under which an image is known.
pub(crate) fn names(socket: &Path, image: &str) -> Result<(Vec<String>, Vec<String>), String> {
    let answer = asked(socket, "ImageStatus", &field(&field(image.as_bytes())))?;
    let image = fields(&answer, 1).pop().ok_or("there is no such image")?;
    let texts = |number| {
        let all = fields(&image, number).into_iter();
        all.map(|text| String::from_utf8(text).unwrap()).collect()
    };
    // Image.repo_tags, Image.repo_digests.
    Ok((texts(2), texts(3)))
}

/// The first field of a message, whose length is written in seven bits at a time.
fn field(content: &[u8]) -> Vec<u8> {
    let mut out = vec![0x0a];
    let mut length = content.len();
    while length > 0x7f {
        out.push(u8::try_from(length & 0x7f).unwrap() | 0x80);
        length >>= 7;
    }
    out.push(u8::try_from(length).unwrap());
    out.extend_from_slice(content);
    out
}

/// Every field of a message with this number that is bytes.
fn fields(mut message: &[u8], number: u64) -> Vec<Vec<u8>> {
    fn varint(message: &mut &[u8]) -> u64 {
        let mut out = 0;
        for shift in (0..64).step_by(7) {
            let (&byte, rest) = message.split_first().unwrap();
            *message = rest;
            out |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                break;
            }
        }
        out
    }
    let mut out = Vec::new();
    while !message.is_empty() {
        let key = varint(&mut message);
        match key & 7 {
            0 => {
                varint(&mut message);
            }
            2 => {
                let length = usize::try_from(varint(&mut message)).unwrap();
                let (content, rest) = message.split_at(length);
                if key >> 3 == number {
                    out.push(content.to_vec());
                }
                message = rest;
            }
            other => panic!("no message of this interface has a field of kind {other}"),
        }
    }
    out
}

fn asked(socket: &Path, call: &str, message: &[u8]) -> Result<Vec<u8>, String> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        let answer = tokio::time::timeout(LIMIT, answer(socket, call, message)).await;
        answer.map_err(|_| format!("{call} takes longer than {LIMIT:?}"))?
    })
}

async fn answer(socket: &Path, call: &str, message: &[u8]) -> Result<Vec<u8>, String> {
    let stream = UnixStream::connect(socket).await.unwrap();
    let (sender, connection) = client::handshake(stream).await.unwrap();
    tokio::spawn(connection);
    let mut sender = sender.ready().await.unwrap();
    let request = Request::post(format!("http://localhost/runtime.v1.ImageService/{call}"))
        .header("content-type", "application/grpc")
        .header("te", "trailers")
        .body(())
        .unwrap();
    let (response, mut body) = sender.send_request(request, false).unwrap();
    // Not compressed, and so long.
    let mut frame = vec![0];
    frame.extend(u32::try_from(message.len()).unwrap().to_be_bytes());
    frame.extend_from_slice(message);
    body.send_data(frame.into(), true).unwrap();
    let (head, mut body) = response.await.unwrap().into_parts();
    let mut bytes = Vec::new();
    while let Some(chunk) = body.data().await {
        let chunk = chunk.unwrap();
        body.flow_control().release_capacity(chunk.len()).unwrap();
        bytes.extend_from_slice(&chunk);
    }
    let trailers = body.trailers().await.unwrap().unwrap_or(head.headers);
    let text = |trailers: &HeaderMap, name: &str| {
        let value = trailers.get(name).map(|value| value.to_str().unwrap_or_default());
        value.unwrap_or_default().to_owned()
    };
    match text(&trailers, "grpc-status").as_str() {
        "0" => Ok(bytes.split_off(5)),
        status => Err(format!(
            "{call} ends with {status}: {}",
            text(&trailers, "grpc-message")
        )),
    }
}
