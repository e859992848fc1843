//! Frames under noise: round trips, garbage, damage and overlong input.

use proptest::prelude::*;
use wire::{
    Alarm, BolusProgress, DoseId, FRAME_MAX, FlexStep, FrameBuffer, FrameError, Identity, LogEntry, LogEvent, LogPage,
    Refusal, Reply, Request, Status, Target, Therapy, decode_reply, decode_request, encode_reply, encode_request,
};

fn dose() -> impl Strategy<Value = DoseId> {
    any::<u64>().prop_map(DoseId)
}

fn request() -> impl Strategy<Value = Request> {
    prop_oneof![
        Just(Request::Hello),
        Just(Request::Status),
        (dose(), any::<u32>()).prop_map(|(dose, rate_nl_per_h)| Request::Start { dose, rate_nl_per_h }),
        (dose(), any::<u32>(), any::<u32>())
            .prop_map(|(dose, volume_nl, duration_ms)| { Request::Bolus { dose, volume_nl, duration_ms } }),
        Just(Request::Stop),
        Just(Request::MinimumRate),
        any::<u32>().prop_map(|from| Request::Log { from }),
        (dose(), any::<u16>(), proptest::array::uniform8(proptest::option::of(any::<(u16, u32)>()))).prop_map(
            |(dose, minute_of_day, steps)| {
                let step = |(from_min, rate_nl_per_h)| FlexStep { from_min, rate_nl_per_h };
                Request::StartFlex { dose, minute_of_day, steps: steps.map(|given| given.map(step)) }
            }
        ),
        Just(Request::TelemetryOpen),
        Just(Request::TelemetryClose),
        any::<(u32, u32, u32, u8)>().prop_map(|(volume_nl, duration_ms, lockout_s, daily_max)| {
            Request::SetPatient { volume_nl, duration_ms, lockout_s, daily_max }
        }),
        dose().prop_map(|dose| Request::PatientBolus { dose }),
        any::<(u32, u32)>().prop_map(|(volume_nl, low_nl)| Request::SetReservoir { volume_nl, low_nl }),
    ]
}

fn event() -> impl Strategy<Value = LogEvent> {
    prop_oneof![
        Just(LogEvent::TherapyStopped),
        (dose(), any::<u32>()).prop_map(|(dose, delivered_nl)| LogEvent::BolusEnded { dose, delivered_nl }),
        Just(LogEvent::AlarmRaised(Alarm::MotorStall)),
    ]
}

fn reply() -> impl Strategy<Value = Reply<'static>> {
    let status = (any::<(u64, u32, u32, u32, u32, u16)>(), proptest::option::of(dose()));
    let entries = proptest::array::uniform6(proptest::option::of((any::<(u32, u64)>(), event())));
    prop_oneof![
        Just(Reply::Identity(Identity {
            protocol: 2,
            model: "m",
            serial: "",
            hardware: "µ",
            firmware: "0.1.0+abc",
            target: Target::Host,
        })),
        status.prop_map(|((now_us, rate, pulses, oldest, next, alarms), bolus)| {
            Reply::Status(Status {
                now_us,
                therapy: Therapy::Continuous,
                rate_nl_per_h: rate,
                bolus: bolus.map(|dose| BolusProgress { dose, remaining_nl: rate }),
                pulses,
                log_oldest: oldest,
                log_next: next,
                alarms,
                reservoir_nl: pulses,
                battery_mv: alarms,
                battery_loaded_mv: alarms / 2,
                line_pa: -7,
                telemetry: alarms % 2 == 0,
            })
        }),
        any::<(u64, bool)>().prop_map(|(at_us, repeated)| Reply::Accepted { at_us, repeated }),
        any::<u32>().prop_map(|max_nl_per_h| Reply::Refused(Refusal::BolusTooFast { max_nl_per_h })),
        (any::<(u32, u32)>(), entries).prop_map(|((oldest, next), entries)| {
            let entries = entries.map(|entry| entry.map(|((index, at_us), event)| LogEntry { index, at_us, event }));
            Reply::Log(LogPage { oldest, next, entries })
        }),
    ]
}

fn request_frame(seq: u16, request: &Request) -> Vec<u8> {
    let mut frame = vec![0; FRAME_MAX];
    let len = encode_request(seq, request, &mut frame).expect("fits");
    frame.truncate(len);
    frame
}

fn received(buffer: &mut FrameBuffer, bytes: &[u8]) -> Vec<Result<(u16, Request), FrameError>> {
    bytes.iter().filter_map(|&byte| buffer.push(byte).map(decode_request)).collect()
}

proptest! {
    #[test]
    fn requests_come_back(seq: u16, request in request()) {
        let frame = request_frame(seq, &request);
        prop_assert_eq!(received(&mut FrameBuffer::new(), &frame), [Ok((seq, request))]);
    }

    #[test]
    fn replies_come_back(seq: u16, reply in reply()) {
        let mut frame = [0; FRAME_MAX];
        let len = encode_reply(seq, &reply, &mut frame).expect("fits");
        prop_assert!(!frame[..len - 1].contains(&0));
        prop_assert_eq!(decode_reply(&mut frame[..len - 1]), Ok((seq, reply)));
    }

    #[test]
    fn random_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..600)) {
        let _ = decode_request(&mut bytes.clone());
        let _ = decode_reply(&mut bytes.clone());
        let mut buffer = FrameBuffer::new();
        for byte in bytes {
            if let Some(frame) = buffer.push(byte) {
                let _ = decode_reply(frame);
            }
        }
    }

    #[test]
    fn a_frame_after_garbage_is_read(
        garbage in proptest::collection::vec(any::<u8>(), 0..600),
        seq: u16,
        request in request(),
    ) {
        let mut buffer = FrameBuffer::new();
        received(&mut buffer, &garbage);
        received(&mut buffer, &[0]);
        let frame = request_frame(seq, &request);
        prop_assert_eq!(received(&mut buffer, &frame), [Ok((seq, request))]);
    }

    #[test]
    fn each_flipped_bit_is_noticed(seq: u16, request in request()) {
        let frame = request_frame(seq, &request);
        for bit in 0..frame.len() * 8 {
            let mut damaged = frame.clone();
            damaged[bit / 8] ^= 1 << (bit % 8);
            let found = received(&mut FrameBuffer::new(), &damaged);
            prop_assert!(found.iter().all(Result::is_err), "bit {}: {:?}", bit, found);
        }
    }
}

#[test]
fn overlong_frames_are_dropped_and_counted() {
    let mut buffer = FrameBuffer::new();
    assert_eq!(received(&mut buffer, &[1; FRAME_MAX]), []);
    assert_eq!(received(&mut buffer, &[0]), []);
    assert_eq!(buffer.dropped(), 1);
    // The longest that can be a frame is given on and left to the decoder.
    assert_eq!(received(&mut buffer, &[1; FRAME_MAX - 1]), []);
    assert_eq!(received(&mut buffer, &[0]).len(), 1);
    assert_eq!(buffer.dropped(), 1);
}

#[test]
fn zero_bytes_alone_are_no_frames() {
    assert_eq!(received(&mut FrameBuffer::new(), &[0, 0, 0]), []);
}

#[test]
fn short_and_long_slices_are_refused() {
    assert_eq!(decode_request(&mut []), Err(FrameError::Empty));
    assert_eq!(decode_request(&mut [1, 1]), Err(FrameError::Empty));
    assert_eq!(decode_request(&mut [9, 1]), Err(FrameError::Cobs));
    assert_eq!(decode_request(&mut [1; FRAME_MAX]), Err(FrameError::TooLong));
    assert_eq!(decode_request(&mut [2, 1, 0, 1]), Err(FrameError::Cobs));
    assert_eq!(encode_request(0, &Request::Hello, &mut [0; 7]), Err(FrameError::TooLong));
}

#[test]
fn an_echoed_frame_is_no_message() {
    let mut frame = [0; FRAME_MAX];
    let body = Reply::Accepted { at_us: u64::MAX, repeated: true };
    let len = encode_reply(77, &body, &mut frame).expect("fits");
    assert_eq!(decode_request(&mut frame[..len - 1]), Err(FrameError::Echo));
    let mut frame = request_frame(77, &Request::Start { dose: DoseId(1), rate_nl_per_h: 1 });
    let len = frame.len();
    assert_eq!(decode_reply(&mut frame[..len - 1]), Err(FrameError::Echo));
}

/// A frame whose direction, sequence number and checksum are right, around any body.
fn frame_around(body: &[u8]) -> Vec<u8> {
    let mut payload = vec![b'Q', 77];
    payload.extend_from_slice(body);
    let crc = crc::Crc::<u32>::new(&crc::CRC_32_ISO_HDLC).checksum(&payload);
    payload.extend_from_slice(&crc.to_le_bytes());
    let mut frame = vec![0; FRAME_MAX];
    let len = cobs::encode(&payload, &mut frame);
    frame.truncate(len);
    frame
}

#[test]
fn an_unknown_request_keeps_its_sequence_number() {
    let unknown = Err(FrameError::Encoding { seq: Some(77) });
    assert_eq!(decode_request(&mut frame_around(&[0])), Ok((77, Request::Hello)));
    assert_eq!(decode_request(&mut frame_around(&[99])), unknown);
    assert_eq!(decode_request(&mut frame_around(&[0, 0])), unknown, "a byte too many");
    assert_eq!(decode_request(&mut frame_around(&[2, 1])), unknown, "a field too few");
}

#[test]
fn refusals_name_limits_with_units() {
    let refusal = Refusal::RateOutOfRange { min_nl_per_h: 2_000, max_nl_per_h: 1_000_000 };
    assert_eq!(refusal.to_string(), "rate out of range, expected 2000 to 1000000 nL/h");
    assert_eq!(
        Refusal::CriticalAlarm(Alarm::MotorStall).to_string(),
        "therapy is locked by the alarm motor stall, stop the pump to clear it"
    );
}
