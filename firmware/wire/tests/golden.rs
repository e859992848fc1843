//! The bytes of each message as they are on the line. A failure here means that pumps in the field and the bench no
//! longer understand each other: raise `PROTOCOL`, then renew the bytes.

use wire::{
    Alarm, BolusProgress, DoseId, FLEX_STEPS_MAX, FRAME_MAX, FlexStep, Identity, LogEntry, LogEvent, LogPage, PROTOCOL,
    Refusal, Reply, Request, ResetCause, Status, Target, Therapy, decode_reply, decode_request, encode_reply,
    encode_request,
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
fn requests_of_the_second_protocol() {
    let mut steps = [None; FLEX_STEPS_MAX];
    steps[0] = Some(FlexStep { from_min: 360, rate_nl_per_h: 20_833 });
    steps[1] = Some(FlexStep { from_min: 1_320, rate_nl_per_h: 0 });
    check_request(
        600,
        Request::StartFlex { dose: DOSE, minute_of_day: 1_439, steps },
        "1951d80407ef9bafcdf8acd191019f0b01e802e1a20101a80a010101010101057bd9e69900",
    );
    check_request(601, Request::TelemetryOpen, "0951d9040852f41aba00");
    check_request(602, Request::TelemetryClose, "0951da04099d7a5bcf00");
    check_request(
        603,
        Request::SetPatient { volume_nl: 5_000, duration_ms: 600_000, lockout_s: 3_600, daily_max: 4 },
        "1151db040a8827c0cf24901c04097480af00",
    );
    check_request(604, Request::PatientBolus { dose: DOSE }, "1251dc040bef9bafcdf8acd19101f579f8ad00");
    check_request(
        605,
        Request::SetReservoir { volume_nl: 20_000_000, low_nl: 2_000_000 },
        "1051dd040c80dac40980897a3887919300",
    );
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
    check_reply(0, Reply::Identity(identity), "0252011702074954502d5245460430303031014105302e312e3005a0108b8100");
    check_reply(
        1,
        Reply::Identity(Identity { target: Target::Emulated, ..identity }),
        "0352011c02074954502d5245460430303031014105302e312e300138b0075300",
    );
    check_reply(
        2,
        Reply::Identity(Identity { target: Target::Board, ..identity }),
        "0352021c02074954502d5245460430303031014105302e312e3002d157e3ff00",
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
        reservoir_nl: 18_500_500,
        battery_mv: 2_998,
        battery_loaded_mv: 2_871,
        line_pa: -1_250,
        telemetry: true,
    };
    check_reply(
        3,
        Reply::Status(status),
        "1c52030180c098ccc50701918d0301ef9bafcdf8acd19101e121b7171104029497e908b617b716c31301c514940100",
    );
    check_reply(
        4,
        Reply::Status(Status { therapy: Therapy::Stopped, bolus: None, ..status }),
        "0a52040180c098ccc50704918d0303b7171204029497e908b617b716c31301b2a5d0bd00",
    );
    check_reply(
        5,
        Reply::Status(Status { therapy: Therapy::MinimumRate, ..status }),
        "1c52050180c098ccc50702918d0301ef9bafcdf8acd19101e121b7171204029497e908b617b716c313016a7df29c00",
    );
    check_reply(
        19,
        Reply::Status(Status { therapy: Therapy::Flex, telemetry: false, ..status }),
        "1c52130180c098ccc50703918d0301ef9bafcdf8acd19101e121b7170d04029497e908b617b716c31305b82ab1bb00",
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
fn refusals_of_the_second_protocol() {
    check_reply(20, Reply::Refused(Refusal::TelemetryClosed), "09521403066fe5219900");
    check_reply(21, Reply::Refused(Refusal::BadSchedule), "0952150307cebfe4ef00");
    check_reply(22, Reply::Refused(Refusal::NoPatientBolus), "0952160308061c1d7d00");
    check_reply(23, Reply::Refused(Refusal::Lockout { remaining_s: 3_599 }), "0b521703098f1c670f3a9700");
    check_reply(24, Reply::Refused(Refusal::DailyMaximum { max: 4 }), "0a5218030a040c8698ee00");
    check_reply(
        25,
        Reply::Refused(Refusal::ReservoirOutOfRange { max_nl: 40_000_000 }),
        "0d5219030b80b489135b33d23000",
    );
}

#[test]
fn log_pages_of_the_second_protocol() {
    let new_alarms = [
        Alarm::Occlusion,
        Alarm::EmptyReservoir,
        Alarm::EndOfService,
        Alarm::MemoryError,
        Alarm::LowReservoir,
        Alarm::ElectiveReplacement,
    ];
    check_reply(
        26,
        page(&new_alarms.map(LogEvent::AlarmRaised)),
        "04521a043c30012880c8ceb40d0602012980c8ceb40d0603012a80c8ceb40d0604012b80c8ceb40d0605012c80c8ceb40d0606012d80c8ceb40d060751abe6bf00",
    );
    let programmed = [
        LogEvent::FlexStarted { dose: DOSE, minute_of_day: 1_439, rate_nl_per_h: 20_833 },
        LogEvent::FlexStepped { rate_nl_per_h: 0 },
        LogEvent::TelemetryOpened,
        LogEvent::TelemetryClosed { timed_out: false },
        LogEvent::TelemetryClosed { timed_out: true },
    ];
    check_reply(
        27,
        page(&programmed),
        "04521b042030012880c8ceb40d08ef9bafcdf8acd191019f0be1a201012980c8ceb40d0911012a80c8ceb40d0a012b80c8ceb40d0b0a012c80c8ceb40d0b0105cbecfbc600",
    );
    let given = [
        LogEvent::PatientSet { volume_nl: 5_000, lockout_s: 3_600, daily_max: 4 },
        LogEvent::PatientRefused { dose: DOSE },
        LogEvent::ReservoirSet { volume_nl: 20_000_000 },
    ];
    check_reply(
        28,
        page(&given),
        "04521c042c30012880c8ceb40d0c8827901c04012980c8ceb40d0def9bafcdf8acd19101012a80c8ceb40d0e80dac409010105f306871300",
    );
}

#[test]
fn the_longest_schedule_and_status_fit_a_frame() {
    let steps = [Some(FlexStep { from_min: u16::MAX, rate_nl_per_h: u32::MAX }); FLEX_STEPS_MAX];
    let flex = Request::StartFlex { dose: DoseId(u64::MAX), minute_of_day: u16::MAX, steps };
    let len = encode_request(u16::MAX, &flex, &mut [0; FRAME_MAX]);
    assert!(len.is_ok(), "{len:?}");
    let status = Status {
        now_us: u64::MAX,
        therapy: Therapy::Flex,
        rate_nl_per_h: u32::MAX,
        bolus: Some(BolusProgress { dose: DoseId(u64::MAX), remaining_nl: u32::MAX }),
        pulses: u32::MAX,
        log_oldest: u32::MAX,
        log_next: u32::MAX,
        alarms: u16::MAX,
        reservoir_nl: u32::MAX,
        battery_mv: u16::MAX,
        battery_loaded_mv: u16::MAX,
        line_pa: i32::MIN,
        telemetry: true,
    };
    let len = encode_reply(u16::MAX, &Reply::Status(status), &mut [0; FRAME_MAX]);
    assert!(len.is_ok(), "{len:?}");
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
    check_reply(
        20,
        page(&[ResetCause::External, ResetCause::Fault].map(LogEvent::Booted)),
        "045214040930012880c8ceb40d0904012980c8ceb40d020501010105dceb507100",
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
