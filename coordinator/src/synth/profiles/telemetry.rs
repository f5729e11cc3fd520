//! Readings of devices: a device has some dozens to hundreds of them, one a minute or so, in the order of
//! their time.
//!
//! Values wander as measured ones do, so that gzip finds in them what it finds in a real table: the line's
//! frame repeats, the numbers do not.

use super::{DAY_MILLIS, Lines, NEW_YEAR_MILLIS, Origin};
use crate::synth::draw::Draw;
use crate::synth::{attributes, text};

const MODELS: [&str; 6] =
    ["TH-200 rev C", "TH-210 rev A", "AQ-55 outdoor", "AQ-55 indoor", "PM-3 industrial", "GW-9 gateway"];
const FIRMWARES: [&str; 5] = ["4.12.3", "4.12.1", "4.11.0", "4.9.7", "5.0.0-rc.2"];
const SITES: [&str; 8] = [
    "Harbour North",
    "Harbour South",
    "Mill Lane",
    "Station Square",
    "Airport West",
    "Depot 7",
    "Campus East",
    "Old Town",
];
const ERRORS: [&str; 3] =
    ["sensor timeout after 3 attempts", "checksum mismatch on channel 2", "clock drift above 500 ms"];
const TAGS: [&str; 8] =
    ["indoor", "outdoor", "calibrated", "battery", "mains", "pilot", "floor-3", "cold-chain"];

/// Attributes of a reading. A device keeps their circle and every reading starts elsewhere in it: no order to
/// rely on, yet neighbours that repeat, as the hash order of real items has them.
const ATTRIBUTES: u8 = 26;

pub(super) struct Telemetry {
    origin: Origin,
    device: Device,
    order: Vec<u8>,
}

/// A device and where its values stand. Decimals are integers in the unit of their last place.
struct Device {
    id: u64,
    readings_left: u32,
    sequence: i64,
    at_millis: i64,
    tenant: u64,
    model: &'static str,
    firmware: &'static str,
    site: &'static str,
    floor: i64,
    latitude: i64,
    longitude: i64,
    tags: Vec<&'static str>,
    temperature: i64,
    humidity: i64,
    pressure: i64,
    battery: i64,
    energy: i64,
}

impl Telemetry {
    pub(super) fn new(mut origin: Origin) -> Self {
        let device = Device::new(&mut origin);
        let mut order: Vec<u8> = (0..ATTRIBUTES).collect();
        origin.draw.shuffle(&mut order);
        Telemetry { origin, device, order }
    }
}

impl Lines for Telemetry {
    fn append(&mut self, out: &mut Vec<u8>) {
        if self.device.readings_left == 0 {
            self.device = Device::new(&mut self.origin);
            self.origin.draw.shuffle(&mut self.order);
        }
        let draw = &mut self.origin.draw;
        self.device.measure(draw);
        self.order.rotate_left(draw.below(u32::from(ATTRIBUTES)) as usize);
        let device = &mut self.device;
        attributes::line(out, &self.order, |out, which| device.attribute(out, which, draw));
    }
}

impl Device {
    fn new(origin: &mut Origin) -> Self {
        let id = origin.unique();
        let draw = &mut origin.draw;
        let mut tags = TAGS.to_vec();
        draw.shuffle(&mut tags);
        tags.truncate(2 + draw.below(3) as usize);
        let readings_left = 20 + draw.below(400);
        Device {
            id,
            readings_left,
            sequence: draw.between(1, 900_000),
            at_millis: NEW_YEAR_MILLIS - DAY_MILLIS - draw.between(0, 40 * DAY_MILLIS),
            tenant: u64::from(draw.below(5_000)),
            model: draw.one_of(&MODELS),
            firmware: draw.one_of(&FIRMWARES),
            site: draw.one_of(&SITES),
            floor: draw.between(-2, 40),
            latitude: draw.between(-55_000_000, 68_000_000),
            longitude: draw.between(-179_000_000, 179_000_000),
            tags,
            temperature: draw.between(-500, 3_200),
            humidity: draw.between(200, 900),
            pressure: draw.between(98_000, 103_000),
            battery: draw.between(300, 1_000),
            energy: draw.between(0, 90_000_000),
        }
    }

    /// The next reading of this device; its time is later than the last one's, which keeps `sk` unique.
    fn measure(&mut self, draw: &mut Draw) {
        self.readings_left -= 1;
        self.sequence += 1;
        self.at_millis += 60_000 + draw.between(-900, 900);
        self.temperature += draw.between(-30, 30);
        self.humidity = (self.humidity + draw.between(-8, 8)).clamp(0, 1_000);
        self.pressure += draw.between(-20, 20);
        self.battery = (self.battery - i64::from(draw.percent(5))).max(0);
        self.energy += draw.between(0, 4_000);
    }

    fn attribute(&self, out: &mut Vec<u8>, which: u8, draw: &mut Draw) {
        match which {
            0 => attributes::string_of(out, "pk", |out| {
                out.extend_from_slice(b"device#");
                text::hex(out, self.id.to_be_bytes());
            }),
            1 => attributes::string_of(out, "sk", |out| {
                out.extend_from_slice(b"reading#");
                text::timestamp(out, self.at_millis);
            }),
            2 => attributes::string_of(out, "tenantId", |out| {
                out.extend_from_slice(b"tenant-");
                text::padded(out, self.tenant, 5);
            }),
            3 => attributes::string(out, "model", self.model),
            4 => attributes::string(out, "firmware", self.firmware),
            5 => attributes::number(out, "sequence", self.sequence, 0),
            6 => attributes::number(out, "recordedAt", self.at_millis, 0),
            7 => attributes::number(out, "receivedAt", self.at_millis + draw.between(40, 4_000), 0),
            8 => attributes::number(out, "expiresAt", (self.at_millis + 400 * DAY_MILLIS) / 1000, 0),
            9 => attributes::number(out, "temperatureCelsius", self.temperature, 2),
            10 => attributes::number(out, "relativeHumidity", self.humidity, 1),
            11 => attributes::number(out, "pressureHectopascal", self.pressure, 2),
            12 => attributes::number(out, "batteryLevel", self.battery, 3),
            13 => attributes::number(out, "energyKilowattHours", self.energy, 3),
            14 => attributes::number(out, "signalStrength", draw.between(-95, -40), 0),
            15 => attributes::boolean(out, "charging", self.battery < 400),
            16 => attributes::boolean(out, "doorOpen", draw.percent(2)),
            17 => attributes::string(out, "status", if draw.percent(95) { "OK" } else { "DEGRADED" }),
            18 if draw.percent(97) => attributes::null(out, "lastError"),
            18 => attributes::string(out, "lastError", draw.one_of(&ERRORS)),
            19 => self.location(out),
            20 => self.samples(out, draw),
            21 => attributes::set_of_strings(out, "tags", &self.tags),
            22 => self.network(out, draw),
            23 => attributes::string_of(out, "traceId", |out| {
                text::hex(out, draw.word().to_be_bytes());
                text::hex(out, draw.word().to_be_bytes());
            }),
            24 => attributes::string(out, "schemaVersion", "telemetry/v3"),
            _ => attributes::string(out, "retentionClass", "raw-400-days"),
        }
    }

    fn location(&self, out: &mut Vec<u8>) {
        attributes::map(out, "location", |out| {
            attributes::number(out, "latitude", self.latitude, 6);
            out.push(b',');
            attributes::number(out, "longitude", self.longitude, 6);
            out.push(b',');
            attributes::map(out, "site", |out| {
                attributes::string(out, "name", self.site);
                out.push(b',');
                attributes::number(out, "floor", self.floor, 0);
            });
        });
    }

    fn samples(&self, out: &mut Vec<u8>, draw: &mut Draw) {
        let samples: [i64; 6] = std::array::from_fn(|_| self.temperature + draw.between(-12, 12));
        attributes::list_of_numbers(out, "samples", &samples, 2);
    }

    fn network(&self, out: &mut Vec<u8>, draw: &mut Draw) {
        attributes::map(out, "network", |out| {
            attributes::string(out, "carrier", "lte-m");
            out.push(b',');
            attributes::number(out, "retries", i64::from(draw.percent(8)), 0);
            out.push(b',');
            attributes::number(out, "roundTripMillis", draw.between(18, 420), 0);
        });
    }
}
