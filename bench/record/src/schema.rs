//! The JSON schemas that stand in the file beside the events, for other people's tools.
//!
//! They describe the canonical encoding; the crate itself reads by the types of `domain`.

/// The topic of every event that is no reading.
pub(crate) const EVENTS_TOPIC: &str = "events";
/// How a message is encoded, in MCAP's words.
pub(crate) const MESSAGE_ENCODING: &str = "json";
/// How a schema is encoded, in MCAP's words.
pub(crate) const SCHEMA_ENCODING: &str = "jsonschema";
/// The name of [`READING`].
pub(crate) const READING_NAME: &str = "dosebench.Reading";
/// The name of [`EVENT`].
pub(crate) const EVENT_NAME: &str = "dosebench.Event";

/// The schema of a reading.
pub(crate) const READING: &str = r#"{
  "$schema": "https://json-schema.org/draft/2020-12/schema",
  "title": "dosebench.Reading",
  "description": "A value that an instrument gave, as an event of the run's stream.",
  "type": "object",
  "properties": {
    "seq": {"type": "integer", "minimum": 0, "description": "The event's number, consecutive from 0 over all topics."},
    "t_ns": {"type": "integer", "minimum": 0, "description": "When it entered the stream, in nanoseconds since the run began."},
    "station": {"type": "string", "description": "The station it belongs to."},
    "kind": {
      "type": "object",
      "properties": {
        "reading": {
          "type": "object",
          "properties": {
            "channel": {"type": "string", "description": "The channel, instrument.quantity."},
            "at_ns": {"type": "integer", "minimum": 0, "description": "When the value held, in nanoseconds since the run began."},
            "u_ns": {"type": "integer", "minimum": 0, "description": "How much earlier or later it may have held."},
            "value": {"type": "number", "description": "The value, in the unit that the first event declares for the channel."},
            "status": {"type": "string", "enum": ["ok", "unstable", "overload", "suspect"]}
          },
          "required": ["channel", "at_ns", "u_ns", "value", "status"]
        }
      },
      "required": ["reading"]
    }
  },
  "required": ["seq", "t_ns", "station", "kind"]
}"#;

/// The schema of any other event.
pub(crate) const EVENT: &str = r#"{
  "$schema": "https://json-schema.org/draft/2020-12/schema",
  "title": "dosebench.Event",
  "description": "An event of the run's stream: what the world told the engine, or what the engine decided.",
  "type": "object",
  "properties": {
    "seq": {"type": "integer", "minimum": 0, "description": "The event's number, consecutive from 0 over all topics."},
    "t_ns": {"type": "integer", "minimum": 0, "description": "When it entered the stream, in nanoseconds since the run began."},
    "station": {"type": "string", "description": "The station it belongs to."},
    "kind": {
      "description": "What happened: its name alone, or one property named as it, with its details.",
      "type": ["string", "object"],
      "minProperties": 1,
      "maxProperties": 1
    }
  },
  "required": ["seq", "t_ns", "station", "kind"]
}"#;
