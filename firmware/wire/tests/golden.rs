//! The bytes of each message as they are on the line. A failure here means that pumps in the field and the bench no
//! longer understand each other: raise `PROTOCOL`, then renew the bytes.

use wire::{
    Alarm, BolusProgress, DoseId, FRAME_MAX, Identity, LogEntry, LogEvent, LogPage, PROTOCOL, Refusal, Reply, Request,
    ResetCause, Status, Target, Therapy, decode_reply, decode_request, encode_reply, encode_request,
};

const DOSE: DoseId = DoseId(0x0123_4567_89ab_cdef);

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn check_request(seq: u16, request: Request, expect: &str) {
    let mut frame = [0; FRAME_MAX];
    let len = encode_request(seq, &request, &mut frame).expect("fits");
    assert_eq!(hex(&frame[..len]), expect, "{request:?}");
    assert_eq!(decode_request(&mut frame[..len - 1]), Ok((seq, request)));
}

fn check_reply(seq: u16, reply: Reply<'_>, expect: &str) {
    let mut frame = [0; FRAME_MAX];
    let len = encode_reply(seq, &reply, &mut frame).expect("fits");
    assert_eq!(hex(&frame[..len]), expect, "{reply:?}");
    assert_eq!(decode_reply(&mut frame[..len - 1]), Ok((seq, reply)));
}

fn page(events: &[LogEvent]) -> Reply<'static> {
    let mut entries = [None; 6];
    for (index, (place, event)) in (40..).zip(entries.iter_mut().zip(events)) {
        *place = Some(LogEntry { index, at_us: 3_600_000_000, event: *event });
    }
    Reply::Log(LogPage { oldest: 0, next: 48, entries })
}

#[test]
fn requests() {
    check_request(0, Request::Hello, "02510105959d3f9200");
    check_request(1, Request::Status, "08510101429c23fc00");
    check_request(
        127,
        Request::Start { dose: DOSE, rate_nl_per_h: 20_833 },
        "14517f02ef9bafcdf8acd19101e1a201cf95d18f00",
    );
    check_request(
        128,
        Request::Bolus { dose: DOSE, volume_nl: 5_000, duration_ms: 600_000 },
        "1751800103ef9bafcdf8acd191018827c0cf246777ddc700",
    );
    check_request(500, Request::Stop, "0951f403040dfb78cc00");
    check_request(65_534, Request::MinimumRate, "0a51feff030553e3374000");
    check_request(65_535, Request::Log { from: 300 }, "0c51ffff0306ac02a810eacc00");
}

#[test]
fn replies() {
    let identity = Identity {
        protocol: PROTOCOL,
        model: "ITP-REF",
        serial: "0001",
        hardware: "A",
        firmware: "0.1.0",
        target: Target::Host,
    };
    check_reply(0, Reply::Identity(identity), "0252011701074954502d5245460430303031014105302e312e30059d296ef700");
    check_reply(
        1,
        Reply::Identity(Identity { target: Target::Emulated, ..identity }),
        "0352011c01074954502d5245460430303031014105302e312e30010589e22500",
    );
    check_reply(
        2,
        Reply::Identity(Identity { target: Target::Board, ..identity }),
        "0352021c01074954502d5245460430303031014105302e312e3002ec6e068900",
    );
    let status = Status {
        now_us: 259_200_000_000,
        therapy: Therapy::Continuous,
        rate_nl_per_h: 50_833,
        bolus: Some(BolusProgress { dose: DOSE, remaining_nl: 4_321 }),
        pulses: 2_999,
        log_oldest: 0,
        log_next: 4,
        alarms: Alarm::PumpStopped48h.bit(),
    };
    check_reply(3, Reply::Status(status), "1c52030180c098ccc50701918d0301ef9bafcdf8acd19101e121b717070402ca7f0e1d00");
    check_reply(
        4,
        Reply::Status(Status { therapy: Therapy::Stopped, bolus: None, ..status }),
        "0a52040180c098ccc50704918d0303b71707040256dbf3d500",
    );
    check_reply(
        5,
        Reply::Status(Status { therapy: Therapy::MinimumRate, ..status }),
        "1c52050180c098ccc50702918d0301ef9bafcdf8acd19101e121b717070402b02d71f700",
    );
    check_reply(6, Reply::Accepted { at_us: 1_000_000, repeated: false }, "07520602c0843d057982267f00");
    check_reply(7, Reply::Accepted { at_us: 1_000_000, repeated: true }, "0c520702c0843d014a617dc300");
}

#[test]
fn refusals() {
    let rate = Refusal::RateOutOfRange { min_nl_per_h: 2_000, max_nl_per_h: 1_000_000 };
    check_reply(8, Reply::Refused(rate), "045208030ad00fc0843d67941e1f00");
    let volume = Refusal::VolumeOutOfRange { min_nl: 500, max_nl: 1_000_000 };
    check_reply(9, Reply::Refused(volume), "0e52090301f403c0843d20717f6600");
    check_reply(10, Reply::Refused(Refusal::BolusRunning), "09520a03020caff48800");
    check_reply(11, Reply::Refused(Refusal::BolusTooFast { max_nl_per_h: 4_000_000 }), "0d520b03038092f401dcb90ba500");
    check_reply(12, Reply::Refused(Refusal::CriticalAlarm(Alarm::MotorStall)), "05520c03040553af0da800");
    check_reply(13, Reply::Refused(Refusal::CriticalAlarm(Alarm::PumpStopped48h)), "0a520d030401a0f8b66700");
    check_reply(14, Reply::Refused(Refusal::NotUnderstood), "09520e03057392991100");
}

#[test]
fn log_pages() {
    check_reply(15, page(&[]), "04520f040230010101010105da7ad14f00");
    let causes = [ResetCause::PowerOn, ResetCause::Watchdog, ResetCause::Software, ResetCause::Brownout];
    check_reply(
        16,
        page(&causes.map(LogEvent::Booted)),
        "045210040930012880c8ceb40d0108012980c8ceb40d0901012a80c8ceb40d0902012b80c8ceb40d02030105ed83478900",
    );
    let therapy = [
        LogEvent::TherapyStarted { dose: DOSE, rate_nl_per_h: 20_833 },
        LogEvent::MinimumRateStarted { rate_nl_per_h: 250 },
        LogEvent::TherapyStopped,
        LogEvent::BolusStarted { dose: DOSE, volume_nl: 5_000, duration_ms: 600_000 },
        LogEvent::BolusEnded { dose: DOSE, delivered_nl: 4_999 },
    ];
    check_reply(
        17,
        page(&therapy),
        "045211045130012880c8ceb40d01ef9bafcdf8acd19101e1a201012980c8ceb40d02fa01012a80c8ceb40d03012b80c8ceb40d04ef9bafcdf8acd191018827c0cf24012c80c8ceb40d05ef9bafcdf8acd19101872705f13389b400",
    );
    let alarms = [
        LogEvent::AlarmRaised(Alarm::MotorStall),
        LogEvent::AlarmCleared(Alarm::MotorStall),
        LogEvent::AlarmRaised(Alarm::PumpStopped48h),
        LogEvent::AlarmCleared(Alarm::PumpStopped48h),
    ];
    check_reply(
        18,
        page(&alarms),
        "045212040a30012880c8ceb40d0609012980c8ceb40d0713012a80c8ceb40d0601012b80c8ceb40d07010105b2a23e8500",
    );
}

#[test]
fn longest_page_fits_a_frame() {
    let event = LogEvent::BolusStarted { dose: DoseId(u64::MAX), volume_nl: u32::MAX, duration_ms: u32::MAX };
    let entry = LogEntry { index: u32::MAX, at_us: u64::MAX, event };
    let page = LogPage { oldest: u32::MAX, next: u32::MAX, entries: [Some(entry); 6] };
    let len = encode_reply(u16::MAX, &Reply::Log(page), &mut [0; FRAME_MAX]);
    assert!(len.is_ok(), "{len:?}");
}
