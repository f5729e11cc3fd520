//! One connection: requests in, answers out, and in between whatever the schedule says.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use rand::RngExt as _;
use rand_chacha::ChaCha8Rng;
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::sleep;

use super::fault::Fault;
use super::http::{Message, exchange, read_request};
use super::kind::{Kind, subject};
use super::schedule::{Sight, Strike};
use super::{Desk, canned, gate, locked};

/// A delayed request waits this long at most; far below every timeout of the binaries.
const DELAY_MILLIS_MAX: u64 = 1500;
/// A trickling answer comes in this many pieces, the first few of them of one byte.
const TRICKLE_PIECES: usize = 60;
const TRICKLE_SINGLE_BYTES: usize = 20;
const TRICKLE_PAUSE: Duration = Duration::from_millis(10);
/// What was written before a reset has this long to arrive; the reset itself overtakes it.
const BEFORE_RESET: Duration = Duration::from_millis(20);

/// How the answer leaves.
enum Reply {
    Whole(Message),
    Slowly(Message),
    /// Only so many bytes of the body, then the end.
    Cut(Message, usize, Ending),
    Nothing,
}

#[derive(Clone, Copy)]
enum Ending {
    Reset,
    Closed,
}

/// Serves connections for ever.
pub(super) async fn accept(listener: TcpListener, desk: Arc<Desk>) {
    while let Ok((connection, _)) = listener.accept().await {
        let desk = desk.clone();
        // A connection that breaks is what tests are about; whoever is at its other end will say so.
        tokio::spawn(async move { serve(connection, &desk).await });
    }
}

async fn serve(connection: TcpStream, desk: &Desk) -> io::Result<()> {
    connection.set_nodelay(true)?;
    let mut connection = BufReader::new(connection);
    while let Some(request) = read_request(&mut connection).await? {
        // Biased: an answer that is there is delivered, even to somebody who is just leaving.
        let reply = tokio::select! {
            biased;
            reply = answer(desk, &request) => reply?,
            () = hung_up(&mut connection) => return Ok(()),
        };
        let alive = deliver(&mut connection, reply, request.method() == "HEAD").await?;
        if !alive {
            return Ok(());
        }
    }
    Ok(())
}

/// Returns when the other end is gone; never while it waits, or sends ahead.
async fn hung_up(connection: &mut BufReader<TcpStream>) {
    if connection.fill_buf().await.is_ok_and(|bytes| !bytes.is_empty()) {
        std::future::pending().await
    }
}

async fn answer(desk: &Desk, request: &Message) -> io::Result<Reply> {
    let kind = Kind::of(request);
    let nth = locked(&desk.ledger).admit(kind, request);
    let subject = subject(request);
    let sight = Sight { kind, subject: &subject, nth };
    gate::pass(&desk.gates, &sight).await;
    let strike = locked(&desk.schedule).strike(&sight);
    let passage = Passage { desk, kind, request };
    match strike {
        None => passage.forward(request).await.map(Reply::Whole),
        Some(strike) => passage.under(strike).await,
    }
}

/// One request on its way.
struct Passage<'a> {
    desk: &'a Desk,
    kind: Kind,
    request: &'a Message,
}

impl Passage<'_> {
    async fn forward(&self, request: &Message) -> io::Result<Message> {
        let answer = exchange(self.desk.upstream, request).await?;
        locked(&self.desk.ledger).answer(self.kind, &answer);
        Ok(answer)
    }

    async fn under(&self, Strike { fault, mut chance }: Strike) -> io::Result<Reply> {
        match fault {
            Fault::Dropped => Ok(self.done(fault, Reply::Nothing)),
            Fault::Delay => {
                sleep(Duration::from_millis(chance.random_range(50..DELAY_MILLIS_MAX))).await;
                let answer = self.forward(self.request).await?;
                Ok(self.done(fault, Reply::Whole(answer)))
            }
            Fault::Duplicated => {
                self.forward(self.request).await?;
                let answer = self.forward(self.request).await?;
                Ok(self.done(fault, Reply::Whole(answer)))
            }
            Fault::GarbledUpload => {
                let mut request = self.request.clone();
                let garbled = flip(&mut request.body, &mut chance);
                let answer = self.forward(&request).await?;
                Ok(self.done_if(garbled, fault, Reply::Whole(answer)))
            }
            Fault::LostReply => {
                self.forward(self.request).await?;
                Ok(self.done(fault, Reply::Nothing))
            }
            Fault::GatewayTimeout => {
                self.forward(self.request).await?;
                Ok(self.canned(fault))
            }
            Fault::GarbledDownload
            | Fault::ResetAtStart
            | Fault::ResetInMiddle
            | Fault::ResetAtEnd
            | Fault::Truncated
            | Fault::Trickle => {
                let answer = self.forward(self.request).await?;
                Ok(self.spoilt(fault, answer, &mut chance))
            }
            _ => Ok(self.canned(fault)),
        }
    }

    /// The answer, with something done to its body. An answer without one, or an error's, is left alone.
    fn spoilt(&self, fault: Fault, mut answer: Message, chance: &mut ChaCha8Rng) -> Reply {
        let bytes = answer.body.len();
        if bytes < 2 || answer.status() >= 300 {
            return Reply::Whole(answer);
        }
        let reply = match fault {
            Fault::ResetAtStart => Reply::Cut(answer, 0, Ending::Reset),
            Fault::ResetInMiddle => Reply::Cut(answer, chance.random_range(1..bytes), Ending::Reset),
            Fault::ResetAtEnd => Reply::Cut(answer, bytes - 1, Ending::Reset),
            Fault::Truncated => Reply::Cut(answer, chance.random_range(0..bytes), Ending::Closed),
            Fault::Trickle => Reply::Slowly(answer),
            _ => {
                flip(&mut answer.body, chance);
                Reply::Whole(answer)
            }
        };
        self.done(fault, reply)
    }

    fn canned(&self, fault: Fault) -> Reply {
        let answer = canned::answer(fault, self.kind).expect("every other fault is an answer of its own");
        self.done(fault, Reply::Whole(answer))
    }

    fn done(&self, fault: Fault, reply: Reply) -> Reply {
        self.done_if(true, fault, reply)
    }

    fn done_if(&self, happened: bool, fault: Fault, reply: Reply) -> Reply {
        if happened {
            locked(&self.desk.ledger).happened(fault, self.kind);
        }
        reply
    }
}

/// Flips one bit; says whether there was one.
fn flip(body: &mut [u8], chance: &mut ChaCha8Rng) -> bool {
    if body.is_empty() {
        return false;
    }
    let at = chance.random_range(0..body.len());
    body[at] ^= 1 << chance.random_range(0..8_u32);
    true
}

/// Writes what there is to write; says whether the connection goes on.
async fn deliver(connection: &mut BufReader<TcpStream>, reply: Reply, is_head: bool) -> io::Result<bool> {
    let stream = connection.get_mut();
    match reply {
        Reply::Whole(mut answer) => {
            if is_head {
                answer.body.clear();
            }
            stream.write_all(&[answer.head(), answer.body].concat()).await?;
            Ok(true)
        }
        Reply::Slowly(answer) => {
            stream.write_all(&answer.head()).await?;
            trickle(stream, &answer.body).await?;
            Ok(true)
        }
        Reply::Cut(answer, bytes, ending) => {
            stream.write_all(&[&answer.head(), &answer.body[..bytes]].concat()).await?;
            stream.flush().await?;
            end(stream, ending).await?;
            Ok(false)
        }
        Reply::Nothing => {
            end(stream, Ending::Reset).await?;
            Ok(false)
        }
    }
}

async fn trickle(stream: &mut TcpStream, body: &[u8]) -> io::Result<()> {
    let (singly, rest) = body.split_at(body.len().min(TRICKLE_SINGLE_BYTES));
    let piece = (rest.len() / (TRICKLE_PIECES - TRICKLE_SINGLE_BYTES)).max(1);
    for piece in singly.chunks(1).chain(rest.chunks(piece)) {
        stream.write_all(piece).await?;
        sleep(TRICKLE_PAUSE).await;
    }
    Ok(())
}

async fn end(stream: &mut TcpStream, ending: Ending) -> io::Result<()> {
    match ending {
        Ending::Closed => stream.shutdown().await,
        // Takes effect when the connection is dropped, which is next.
        Ending::Reset => {
            sleep(BEFORE_RESET).await;
            stream.set_zero_linger()
        }
    }
}
