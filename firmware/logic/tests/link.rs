//! The host link end to end: frames in, frames out, and what is said twice or damaged.

use logic::link::Link;
use logic::{Config, Output, Pump, Senses};
use wire::{
    DoseId, FRAME_MAX, Refusal, Reply, Request, ResetCause, Status, Target, decode_reply, encode_reply, encode_request,
};

struct Line {
    link: Link,
    pump: Pump,
    outputs: Vec<Output>,
}

impl Line {
    fn new() -> Self {
        let pump = Pump::new(Config::reference(), ResetCause::PowerOn, 0);
        Self { link: Link::new(), pump, outputs: Vec::new() }
    }

    fn bytes(&mut self, now_us: u64, bytes: &[u8]) -> Vec<Vec<u8>> {
        let mut replies = Vec::new();
        self.link.serve(
            &mut self.pump,
            now_us,
            Senses::NOMINAL,
            bytes,
            &mut |reply| replies.push(reply.to_vec()),
            &mut |output| {
                self.outputs.push(output);
            },
        );
        replies
    }

    fn ask(&mut self, now_us: u64, seq: u16, request: Request) -> Vec<u8> {
        let mut replies = self.bytes(now_us, &frame(seq, request));
        assert_eq!(replies.len(), 1);
        replies.remove(0)
    }
}

fn frame(seq: u16, request: Request) -> Vec<u8> {
    let mut frame = vec![0; FRAME_MAX];
    let len = encode_request(seq, &request, &mut frame).expect("fits");
    frame.truncate(len);
    frame
}

fn check(frame: &[u8], seq: u16, expect: Reply<'_>) {
    let mut bytes = frame.to_vec();
    assert_eq!(bytes.pop(), Some(0));
    assert_eq!(decode_reply(&mut bytes), Ok((seq, expect)));
}

fn status(frame: &[u8]) -> Status {
    match decode_reply(&mut frame[..frame.len() - 1].to_vec()) {
        Ok((_, Reply::Status(status))) => status,
        other => panic!("expected a status, found {other:?}"),
    }
}

const START: Request = Request::Start { dose: DoseId(1), rate_nl_per_h: 20_833 };

#[test]
fn a_pump_says_who_it_is() {
    let mut line = Line::new();
    let reply = line.ask(0, 1, Request::Hello);
    let config = Config::reference();
    check(&reply, 1, Reply::Identity(config.identity()));
    assert_eq!(config.identity().target, Target::Host);
}

#[test]
fn the_same_number_gets_the_same_bytes_and_does_nothing() {
    let mut line = Line::new();
    let first = line.ask(1_000, 7, START);
    check(&first, 7, Reply::Accepted { at_us: 1_000, repeated: false });
    assert_eq!(line.ask(2_000, 7, START), first);
    assert_eq!(line.outputs.len(), 1);
    // A new number reaches the pump, whose dose memory answers.
    check(&line.ask(3_000, 8, START), 8, Reply::Accepted { at_us: 1_000, repeated: true });
}

#[test]
fn a_host_that_starts_over_gets_no_old_answer() {
    let mut line = Line::new();
    line.ask(1_000, 0, Request::Hello);
    assert_eq!(status(&line.ask(2_000, 1, Request::Status)).now_us, 2_000);
    line.ask(3_000, 0, Request::Hello);
    assert_eq!(status(&line.ask(4_000, 1, Request::Status)).now_us, 4_000);
    check(&line.ask(5_000, 1, Request::Stop), 1, Reply::Accepted { at_us: 5_000, repeated: false });
}

#[test]
fn a_broken_frame_is_counted_and_not_answered() {
    let mut line = Line::new();
    let mut damaged = frame(1, START);
    damaged[5] ^= 4;
    assert!(line.bytes(0, &damaged).is_empty());
    assert!(line.bytes(0, &[1; 300]).is_empty());
    assert!(line.bytes(0, &[0]).is_empty());
    assert_eq!((line.link.broken_frames(), line.outputs.len()), (2, 0));
    check(&line.ask(9, 2, START), 2, Reply::Accepted { at_us: 9, repeated: false });
}

#[test]
fn an_echo_of_a_reply_is_no_request() {
    let mut line = Line::new();
    let mut echo = [0; FRAME_MAX];
    let reply = Reply::Accepted { at_us: 50_000, repeated: true };
    let len = encode_reply(3, &reply, &mut echo).expect("fits");
    assert!(line.bytes(0, &echo[..len]).is_empty());
    assert_eq!((line.link.broken_frames(), line.outputs.len()), (1, 0));
}

#[test]
fn an_unknown_request_is_refused_under_its_number() {
    // Direction, number 5, a request no one knows, and the checksum of the three.
    let mut line = Line::new();
    let unknown = [0x08, 0x51, 0x05, 0x63, 0x32, 0x59, 0xf3, 0x3b, 0x00];
    let replies = line.bytes(0, &unknown);
    assert_eq!(replies.len(), 1);
    check(&replies[0], 5, Reply::Refused(Refusal::NotUnderstood));
    assert!(line.outputs.is_empty());
}

#[test]
fn several_requests_in_one_go_and_one_in_pieces() {
    let mut line = Line::new();
    let both = [frame(1, START), frame(2, Request::Status)].concat();
    assert_eq!(line.bytes(5, &both).len(), 2);
    let (head, tail) = both.split_at(9);
    assert!(line.bytes(6, head).is_empty());
    assert_eq!(line.bytes(6, tail).len(), 2);
}
