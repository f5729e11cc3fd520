//! Just enough HTTP/1.1 to know where a message ends, and to ask one question.
//!
//! Bodies are held whole: what goes through here in tests is megabytes.

use std::io;
use std::net::SocketAddr;

use tokio::io::{AsyncBufRead, AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::TcpStream;

/// First line and headers together; AWS allows 8 KiB of headers.
const HEAD_BYTES_MAX: usize = 64 * 1024;
/// A body; the largest shard of any test is a few megabytes.
const BODY_BYTES_MAX: u64 = 256 << 20;

/// A request or an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// The first line, without its end.
    pub first: String,
    /// Names as they came, and values.
    pub headers: Vec<(String, String)>,
    /// The body, whatever its framing was.
    pub body: Vec<u8>,
}

/// How the end of a body is found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Framing {
    Length(u64),
    Chunked,
    UntilClose,
}

impl Message {
    /// A message with this first line and body, its length announced.
    pub fn new(first: impl Into<String>, headers: &[(&str, &str)], body: impl Into<Vec<u8>>) -> Self {
        let owned = |&(name, value): &(&str, &str)| (name.to_owned(), value.to_owned());
        let mut message =
            Self { first: first.into(), headers: headers.iter().map(owned).collect(), body: body.into() };
        message.announce_length();
        message
    }

    /// The value of a header, by its name in any case.
    pub fn header(&self, name: &str) -> Option<&str> {
        let named = self.headers.iter().find(|(given, _)| given.eq_ignore_ascii_case(name));
        named.map(|(_, value)| value.as_str())
    }

    /// The method of a request.
    pub fn method(&self) -> &str {
        self.word(0)
    }

    /// Path and query of a request.
    pub fn target(&self) -> &str {
        self.word(1)
    }

    /// The status of an answer; 0 for what is none.
    pub fn status(&self) -> u16 {
        self.word(1).parse().unwrap_or(0)
    }

    /// The bytes of it up to the body.
    pub fn head(&self) -> Vec<u8> {
        let headers: String =
            self.headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
        format!("{}\r\n{headers}\r\n", self.first).into_bytes()
    }

    fn word(&self, at: usize) -> &str {
        self.first.split(' ').nth(at).unwrap_or_default()
    }

    fn remove(&mut self, name: &str) {
        self.headers.retain(|(given, _)| !given.eq_ignore_ascii_case(name));
    }

    fn announce_length(&mut self) {
        self.remove("content-length");
        self.remove("transfer-encoding");
        self.headers.push(("Content-Length".to_owned(), self.body.len().to_string()));
    }

    fn framing(&self, otherwise: Framing) -> io::Result<Framing> {
        if self.header("transfer-encoding").is_some_and(|coding| coding.eq_ignore_ascii_case("chunked")) {
            return Ok(Framing::Chunked);
        }
        match self.header("content-length") {
            None => Ok(otherwise),
            Some(length) => length.trim().parse().map(Framing::Length).map_err(|_| garbled("a length")),
        }
    }
}

/// The next request of a connection; `None` where it ended before one began. Whoever waits for a `100 Continue`
/// gets it.
pub async fn read_request(connection: &mut BufReader<TcpStream>) -> io::Result<Option<Message>> {
    let Some(mut request) = read_head(connection).await? else { return Ok(None) };
    if request.header("expect").is_some_and(|what| what.eq_ignore_ascii_case("100-continue")) {
        connection.get_mut().write_all(b"HTTP/1.1 100 Continue\r\n\r\n").await?;
        request.remove("expect");
    }
    let framing = request.framing(Framing::Length(0))?;
    read_body(connection, &mut request, framing).await?;
    Ok(Some(request))
}

/// The answer to a request of this method.
pub async fn read_answer(connection: &mut (impl AsyncBufRead + Unpin), method: &str) -> io::Result<Message> {
    loop {
        let mut answer = read_head(connection).await?.ok_or(io::ErrorKind::UnexpectedEof)?;
        match answer.status() {
            100..=199 => {}
            204 | 304 => return Ok(answer),
            // The length that it announces is that of the body it does not have.
            _ if method == "HEAD" => return Ok(answer),
            _ => {
                let framing = answer.framing(Framing::UntilClose)?;
                read_body(connection, &mut answer, framing).await?;
                return Ok(answer);
            }
        }
    }
}

/// Sends one request on a connection of its own and reads the answer.
pub async fn exchange(to: SocketAddr, request: &Message) -> io::Result<Message> {
    let mut connection = BufReader::new(TcpStream::connect(to).await?);
    connection.get_mut().set_nodelay(true)?;
    connection.get_mut().write_all(&[request.head(), request.body.clone()].concat()).await?;
    read_answer(&mut connection, request.method()).await
}

/// [`exchange`] for tests that are no tasks.
pub fn ask(to: SocketAddr, request: &Message) -> io::Result<Message> {
    tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(exchange(to, request))
}

async fn read_head(connection: &mut (impl AsyncBufRead + Unpin)) -> io::Result<Option<Message>> {
    let Some(first) = read_line(connection).await? else { return Ok(None) };
    let mut message = Message { first, headers: Vec::new(), body: Vec::new() };
    let mut bytes = message.first.len();
    loop {
        let line = read_line(connection).await?.ok_or(io::ErrorKind::UnexpectedEof)?;
        if line.is_empty() {
            return Ok(Some(message));
        }
        bytes += line.len();
        let (name, value) = line.split_once(':').ok_or_else(|| garbled("a header"))?;
        message.headers.push((name.to_owned(), value.trim().to_owned()));
        if bytes > HEAD_BYTES_MAX {
            return Err(garbled("a head without end"));
        }
    }
}

/// A line without its end; `None` where nothing is left.
async fn read_line(connection: &mut (impl AsyncBufRead + Unpin)) -> io::Result<Option<String>> {
    let mut line = Vec::new();
    connection.take(HEAD_BYTES_MAX as u64).read_until(b'\n', &mut line).await?;
    if line.is_empty() {
        return Ok(None);
    }
    let text = line.strip_suffix(b"\n").ok_or(io::ErrorKind::UnexpectedEof)?;
    let text = text.strip_suffix(b"\r").unwrap_or(text);
    String::from_utf8(text.to_vec()).map(Some).map_err(|_| garbled("a head that is no text"))
}

async fn read_body(
    connection: &mut (impl AsyncBufRead + Unpin),
    message: &mut Message,
    framing: Framing,
) -> io::Result<()> {
    match framing {
        Framing::Length(bytes) => read_exactly(connection, bytes, &mut message.body).await,
        Framing::Chunked => {
            message.body = read_chunks(connection).await?;
            message.announce_length();
            Ok(())
        }
        Framing::UntilClose => {
            connection.take(BODY_BYTES_MAX).read_to_end(&mut message.body).await?;
            message.announce_length();
            Ok(())
        }
    }
}

async fn read_chunks(connection: &mut (impl AsyncBufRead + Unpin)) -> io::Result<Vec<u8>> {
    let mut body = Vec::new();
    loop {
        let line = read_line(connection).await?.ok_or(io::ErrorKind::UnexpectedEof)?;
        let size = line.split(';').next().unwrap_or_default().trim();
        let size = u64::from_str_radix(size, 16).map_err(|_| garbled("a chunk's size"))?;
        read_exactly(connection, size, &mut body).await?;
        // The end of the chunk's data; behind the last chunk, trailers and the end of them.
        while !read_line(connection).await?.ok_or(io::ErrorKind::UnexpectedEof)?.is_empty() {}
        if size == 0 {
            return Ok(body);
        }
    }
}

async fn read_exactly(
    connection: &mut (impl AsyncBufRead + Unpin),
    bytes: u64,
    body: &mut Vec<u8>,
) -> io::Result<()> {
    if body.len() as u64 + bytes > BODY_BYTES_MAX {
        return Err(garbled("a body without end"));
    }
    let read = connection.take(bytes).read_to_end(body).await?;
    if read as u64 == bytes { Ok(()) } else { Err(io::ErrorKind::UnexpectedEof.into()) }
}

fn garbled(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, format!("{what} cannot be read"))
}
