use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream as Socket};
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncWriteExt as _, BufReader};
use tokio::net::TcpListener;
use tokio::runtime::Runtime;

use super::http::{Message, ask, read_answer, read_request};
use super::schedule::Sight;
use super::*;

const BODY: &str = "the quick brown fox jumps over the lazy dog";

/// A service that says the same to everybody and remembers what it was asked.
struct Service {
    _runtime: Runtime,
    address: SocketAddr,
    asked: Arc<Mutex<Vec<Message>>>,
}

impl Service {
    fn start(raw_answer: &'static [u8]) -> Self {
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let listener = runtime.block_on(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))).unwrap();
        let address = listener.local_addr().unwrap();
        let asked = Arc::new(Mutex::new(Vec::new()));
        let seen = asked.clone();
        runtime.spawn(async move {
            while let Ok((connection, _)) = listener.accept().await {
                let mut connection = BufReader::new(connection);
                if let Ok(Some(request)) = read_request(&mut connection).await {
                    seen.lock().unwrap().push(request);
                    let _ = connection.get_mut().write_all(raw_answer).await;
                }
            }
        });
        Self { _runtime: runtime, address, asked }
    }

    fn asked(&self) -> Vec<Message> {
        self.asked.lock().unwrap().clone()
    }
}

const PLAIN: &[u8] =
    b"HTTP/1.1 200 OK\r\nContent-Length: 43\r\n\r\nthe quick brown fox jumps over the lazy dog";
const EMPTY: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";

fn get() -> Message {
    Message::new("GET /bucket/key HTTP/1.1", &[("Host", "x")], "")
}

fn put() -> Message {
    Message::new("PUT /bucket/key HTTP/1.1", &[("Host", "x")], BODY)
}

fn action(name: &str) -> Message {
    let target = format!("AmazonSQS.{name}");
    Message::new("POST / HTTP/1.1", &[("Host", "x"), ("X-Amz-Target", &target)], "{}")
}

/// A proxy that does one thing to everything.
fn proxy_with(service: &Service, fault: Fault) -> Proxy {
    let proxy = Proxy::start(service.address).unwrap();
    proxy.set(Schedule::seeded(1).with(&[fault], Filter::default(), Often::Always));
    proxy
}

/// Everything that comes back, and how the connection ended.
fn raw(proxy: &Proxy, request: &Message) -> (String, io::Result<()>) {
    let mut socket = Socket::connect(proxy.address()).unwrap();
    let request = Message { headers: request.headers.clone(), ..request.clone() };
    socket.write_all(&[request.head(), request.body].concat()).unwrap();
    let (mut bytes, mut chunk) = (Vec::new(), [0; 4096]);
    let ended = loop {
        match socket.read(&mut chunk) {
            Ok(0) => break Ok(()),
            Ok(count) => bytes.extend_from_slice(&chunk[..count]),
            Err(error) => break Err(error),
        }
    };
    (String::from_utf8(bytes).unwrap(), ended)
}

fn body_of(raw: &str) -> &str {
    raw.split_once("\r\n\r\n").map_or("", |(_, body)| body)
}

fn is_reset(ended: &io::Result<()>) -> bool {
    ended.as_ref().is_err_and(|error| error.kind() == io::ErrorKind::ConnectionReset)
}

#[test]
fn kinds_are_told_by_method_path_and_action() {
    let of = |first: &str| Kind::of(&Message::new(format!("{first} HTTP/1.1"), &[], ""));
    assert_eq!(of("GET /bucket/a/b?x-id=GetObject"), Kind::Get);
    assert_eq!(of("HEAD /bucket/a"), Kind::Head);
    assert_eq!(of("GET /bucket/?list-type=2&prefix=a/b"), Kind::List);
    assert_eq!(of("GET /bucket?list-type=2"), Kind::List);
    assert_eq!(of("PUT /bucket/a"), Kind::Put);
    assert_eq!(of("PUT /bucket"), Kind::Other);
    assert_eq!(Kind::of(&action("ReceiveMessage")), Kind::Receive);
    assert_eq!(Kind::of(&action("DeleteMessageBatch")), Kind::Delete);
    assert_eq!(Kind::of(&action("CreateQueue")), Kind::Other);
}

#[test]
fn without_a_fault_everything_passes_unaltered_on_one_connection() {
    let service = Service::start(PLAIN);
    let proxy = Proxy::start(service.address).unwrap();
    let mut socket = Socket::connect(proxy.address()).unwrap();
    for _ in 0..3 {
        socket.write_all(&[put().head(), put().body].concat()).unwrap();
        let mut answer = vec![0; PLAIN.len()];
        socket.read_exact(&mut answer).unwrap();
        assert_eq!(answer, PLAIN);
    }
    assert_eq!(service.asked(), [put(), put(), put()]);
    assert_eq!((proxy.ledger().faults(), proxy.ledger().requests[&Kind::Put]), (0, 3));
    assert_eq!(proxy.ledger().answered(Kind::Put, 200), 3);
    assert_eq!(proxy.ledger().unguarded.len(), 3, "none of them had a checksum and a condition");
}

#[test]
fn chunks_are_joined_in_both_directions() {
    let service = Service::start(
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nthe \r\n5;x=y\r\nquick\r\n0\r\n\r\n",
    );
    let proxy = Proxy::start(service.address).unwrap();
    let mut socket = Socket::connect(proxy.address()).unwrap();
    socket
        .write_all(b"PUT /b/k HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\na\r\ndefghijklm\r\n0\r\nX: y\r\n\r\n")
        .unwrap();
    let mut answer = [0; 47];
    socket.read_exact(&mut answer).unwrap();
    assert_eq!(&answer, b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nthe quick");
    assert_eq!(service.asked()[0].body, b"abcdefghijklm");
}

#[test]
fn whoever_waits_for_a_continue_gets_it_before_the_body() {
    let service = Service::start(EMPTY);
    let proxy = Proxy::start(service.address).unwrap();
    let mut socket = Socket::connect(proxy.address()).unwrap();
    socket.write_all(b"PUT /b/k HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n").unwrap();
    let mut go_on = [0; 25];
    socket.read_exact(&mut go_on).unwrap();
    assert_eq!(&go_on, b"HTTP/1.1 100 Continue\r\n\r\n");
    socket.write_all(b"abc").unwrap();
    let mut answer = [0; EMPTY.len()];
    socket.read_exact(&mut answer).unwrap();
    assert_eq!((&answer[..], &service.asked()[0].body[..]), (EMPTY, &b"abc"[..]));
    assert_eq!(service.asked()[0].header("expect"), None);
}

#[test]
fn an_answer_to_a_head_has_a_length_and_no_body() {
    let service = Service::start(b"HTTP/1.1 200 OK\r\nContent-Length: 4711\r\n\r\n");
    let proxy = Proxy::start(service.address).unwrap();
    let answer = ask(proxy.address(), &Message::new("HEAD /b/k HTTP/1.1", &[], "")).unwrap();
    assert_eq!((answer.header("content-length"), answer.body.len()), (Some("4711"), 0));
}

#[test]
fn an_answer_that_ends_with_its_connection_is_whole() {
    let mut answer = BufReader::new(&b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n\r\nall of it"[..]);
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let answer = runtime.block_on(read_answer(&mut answer, "GET")).unwrap();
    assert_eq!((answer.status(), &answer.body[..]), (200, &b"all of it"[..]));
}

#[test]
fn a_refusal_speaks_the_language_of_its_service_and_the_service_never_sees_the_request() {
    let cases = [
        (Fault::InternalError, 500, "InternalError", 500, "InternalFailure"),
        (Fault::SlowDown, 503, "SlowDown", 400, "RequestThrottled"),
        (Fault::AccessDenied, 403, "AccessDenied", 403, "AccessDeniedException"),
        (Fault::ExpiredToken, 400, "ExpiredToken", 403, "ExpiredTokenException"),
    ];
    for (fault, s3_status, s3_code, sqs_status, sqs_code) in cases {
        let service = Service::start(PLAIN);
        let proxy = proxy_with(&service, fault);
        let answer = ask(proxy.address(), &get()).unwrap();
        let text = String::from_utf8(answer.body.clone()).unwrap();
        assert_eq!(answer.status(), s3_status);
        assert!(text.contains(&format!("<Code>{s3_code}</Code>")), "{text}");
        let answer = ask(proxy.address(), &action("ReceiveMessage")).unwrap();
        let text = String::from_utf8(answer.body.clone()).unwrap();
        assert_eq!(answer.status(), sqs_status);
        assert!(text.contains(&format!("#{sqs_code}\"")), "{text}");
        let head = ask(proxy.address(), &Message::new("HEAD /b/k HTTP/1.1", &[], "")).unwrap();
        assert_eq!((head.status(), head.header("content-length")), (s3_status, Some("0")));
        assert_eq!(service.asked(), []);
        assert_eq!(proxy.ledger().times(fault), 3);
    }
}

#[test]
fn an_error_inside_a_success_is_for_lists_and_uploads_and_the_service_never_sees_those() {
    let service = Service::start(EMPTY);
    let proxy = proxy_with(&service, Fault::ErrorInSuccess);
    let list = Message::new("GET /b?list-type=2 HTTP/1.1", &[], "");
    for request in [put(), list] {
        let answer = ask(proxy.address(), &request).unwrap();
        let text = String::from_utf8(answer.body.clone()).unwrap();
        assert_eq!(answer.status(), 200);
        assert!(text.contains("<Error><Code>InternalError</Code>"), "{text}");
    }
    assert!(service.asked().is_empty());
    ask(proxy.address(), &get()).unwrap();
    assert_eq!((service.asked().len(), proxy.ledger().faults()), (1, 2));
}

#[test]
fn a_service_that_asks_for_patience_says_for_how_long() {
    let service = Service::start(PLAIN);
    let patient = ask(proxy_with(&service, Fault::SlowDownRetryAfter).address(), &get()).unwrap();
    let plain = ask(proxy_with(&service, Fault::SlowDown).address(), &get()).unwrap();
    assert_eq!((patient.header("retry-after"), plain.header("retry-after")), (Some("1"), None));
}

#[test]
fn a_gateway_answers_in_html_after_the_fact_or_without_it() {
    for (fault, status, acts) in [(Fault::BadGateway, 502, 0), (Fault::GatewayTimeout, 504, 1)] {
        let service = Service::start(EMPTY);
        let proxy = proxy_with(&service, fault);
        let answer = ask(proxy.address(), &put()).unwrap();
        assert_eq!((answer.status(), answer.header("content-type")), (status, Some("text/html")));
        assert_eq!(service.asked().len(), acts);
    }
}

#[test]
fn a_conflict_is_for_uploads_alone() {
    let service = Service::start(PLAIN);
    let proxy = proxy_with(&service, Fault::Conflict);
    assert_eq!(ask(proxy.address(), &put()).unwrap().status(), 409);
    assert_eq!(ask(proxy.address(), &get()).unwrap().status(), 200);
    assert_eq!(proxy.ledger().faults(), 1);
}

#[test]
fn a_dropped_request_never_arrives_and_a_lost_reply_comes_too_late() {
    for (fault, acts) in [(Fault::Dropped, 0), (Fault::LostReply, 1)] {
        let service = Service::start(EMPTY);
        let proxy = proxy_with(&service, fault);
        let (answer, ended) = raw(&proxy, &put());
        assert!(answer.is_empty() && is_reset(&ended), "{answer:?}, {ended:?}");
        assert_eq!((service.asked().len(), proxy.ledger().times(fault)), (acts, 1));
    }
}

#[test]
fn a_reset_comes_at_its_place_in_a_body_whose_whole_length_was_announced() {
    let service = Service::start(PLAIN);
    for fault in [Fault::ResetAtStart, Fault::ResetInMiddle, Fault::ResetAtEnd] {
        let proxy = proxy_with(&service, fault);
        let (answer, ended) = raw(&proxy, &get());
        assert!(answer.contains("Content-Length: 43") && is_reset(&ended), "{answer:?}, {ended:?}");
        let came = body_of(&answer).len();
        let expected = match fault {
            Fault::ResetAtStart => 0..1,
            Fault::ResetInMiddle => 1..43,
            _ => 42..43,
        };
        assert!(expected.contains(&came) && BODY.starts_with(body_of(&answer)), "{came} bytes for {fault:?}");
    }
}

#[test]
fn a_truncated_body_ends_in_good_order() {
    let service = Service::start(PLAIN);
    let (answer, ended) = raw(&proxy_with(&service, Fault::Truncated), &get());
    assert!(answer.contains("Content-Length: 43") && ended.is_ok(), "{answer:?}, {ended:?}");
    assert!(body_of(&answer).len() < 43 && BODY.starts_with(body_of(&answer)));
}

#[test]
fn a_trickle_and_a_delay_lose_nothing() {
    let service = Service::start(PLAIN);
    for fault in [Fault::Trickle, Fault::Delay] {
        let proxy = proxy_with(&service, fault);
        assert_eq!(ask(proxy.address(), &get()).unwrap().body, BODY.as_bytes());
        assert_eq!(proxy.ledger().times(fault), 1);
    }
}

#[test]
fn a_duplicated_request_arrives_twice_and_is_answered_once() {
    let service = Service::start(PLAIN);
    let proxy = proxy_with(&service, Fault::Duplicated);
    assert_eq!(ask(proxy.address(), &put()).unwrap().body, BODY.as_bytes());
    assert_eq!(service.asked(), [put(), put()]);
    assert_eq!(proxy.ledger().times(Fault::Duplicated), 1);
    ask(proxy.address(), &get()).unwrap();
    assert_eq!(service.asked().len(), 3, "reading twice would be no fault");
}

#[test]
fn one_bit_flips_on_the_way_up_or_down() {
    let service = Service::start(PLAIN);
    let proxy = proxy_with(&service, Fault::GarbledUpload);
    ask(proxy.address(), &put()).unwrap();
    assert_eq!(bits_apart(&service.asked()[0].body, BODY.as_bytes()), 1);
    let proxy = proxy_with(&service, Fault::GarbledDownload);
    assert_eq!(bits_apart(&ask(proxy.address(), &get()).unwrap().body, BODY.as_bytes()), 1);
    assert_eq!(ask(proxy.address(), &put()).unwrap().body, BODY.as_bytes());
}

fn bits_apart(left: &[u8], right: &[u8]) -> u32 {
    assert_eq!(left.len(), right.len());
    left.iter().zip(right).map(|(left, right)| (left ^ right).count_ones()).sum()
}

#[test]
fn an_answer_without_a_body_cannot_break_and_is_not_counted() {
    let service = Service::start(EMPTY);
    let proxy = proxy_with(&service, Fault::ResetInMiddle);
    assert_eq!(ask(proxy.address(), &get()).unwrap().status(), 200);
    assert_eq!(proxy.ledger().faults(), 0);
}

#[test]
fn a_gate_holds_one_request_until_it_is_opened() {
    let service = Service::start(EMPTY);
    let proxy = Proxy::start(service.address).unwrap();
    let gate = proxy.hold(Filter::of(&[Kind::Get]).after(1));
    ask(proxy.address(), &get()).unwrap();
    let mut held = Socket::connect(proxy.address()).unwrap();
    held.write_all(&get().head()).unwrap();
    gate.reached();
    assert_eq!(service.asked().len(), 1);
    ask(proxy.address(), &put()).unwrap();
    gate.open();
    let mut answer = [0; EMPTY.len()];
    held.read_exact(&mut answer).unwrap();
    assert_eq!(service.asked().len(), 3);
}

#[test]
fn what_happens_follows_from_the_seed_and_the_request_alone() {
    let sights = |seed| {
        let storm = Schedule::storm(seed, 0.15, &Fault::PASSING);
        let mut struck = Vec::new();
        for nth in 0..2000 {
            for (kind, subject) in [(Kind::Get, "GET /b/k "), (Kind::Receive, "POST / Receive")] {
                struck.push(storm.strike(&Sight { kind, subject, nth }).map(|strike| strike.fault));
            }
        }
        struck
    };
    assert_eq!(sights(7), sights(7));
    assert_ne!(sights(7), sights(8));
    let share = sights(7).iter().flatten().count();
    assert!((500..700).contains(&share), "{share} of 4000 at 15 %");
}

#[test]
fn a_rule_for_the_first_requests_leaves_later_ones_alone() {
    let filter = Filter::of(&[Kind::Put]).within("part-");
    let schedule = Schedule::seeded(1).with(&[Fault::Conflict], filter, Often::First(3));
    let struck = |subject, nth| schedule.strike(&Sight { kind: Kind::Put, subject, nth }).is_some();
    assert!(struck("PUT /b/part-1", 0) && struck("PUT /b/part-1", 2) && struck("PUT /b/part-2", 0));
    assert!(!struck("PUT /b/part-1", 3) && !struck("PUT /b/plan.json", 0));
}
