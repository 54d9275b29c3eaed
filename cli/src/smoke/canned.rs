//! A server for tests, which answers every request with bytes that the test chooses: a local stack cannot be made to answer
//! wrongly.

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use super::wire::Endpoint;

/// Serves until the test ends. `answer` gets the request up to the end of its headers.
pub(super) async fn serve(answer: impl Fn(&str) -> String + Send + Sync + 'static) -> Endpoint {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        while let Ok((mut connection, _)) = listener.accept().await {
            let mut bytes = Vec::new();
            while !bytes.windows(4).any(|window| window == b"\r\n\r\n") {
                if matches!(connection.read_buf(&mut bytes).await, Ok(0) | Err(_)) {
                    break;
                }
            }
            let answer = answer(&String::from_utf8_lossy(&bytes));
            // The client may have closed the connection.
            let _ = connection.write_all(answer.as_bytes()).await;
            // Closing it with unread data would reset it before the client has read the answer.
            tokio::spawn(async move { tokio::io::copy(&mut connection, &mut tokio::io::sink()).await });
        }
    });
    Endpoint::new(&url.parse().unwrap()).unwrap()
}
