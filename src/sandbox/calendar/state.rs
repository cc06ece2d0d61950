//! The calendars of one mailbox: what is in them, and in which order it changed.
//!
//! Every change goes through [`super::writes`], which ends here in [`CalendarState::touch`] or
//! [`CalendarState::forget`]: they number the change for the delta streams and say what to announce.

use std::collections::{BTreeMap, HashMap};

use chrono::NaiveDate;

use super::event::{Details, Person};
use super::occurrence_id;
use super::refusal::Refusal;
use super::series::Series;
use super::slot::Slot;
use crate::model::time::Timestamp;
use crate::sandbox::ids::{self, IdMint};
use crate::sandbox::world::{Change, ChangeType, Entity};

/// Which calendar of a mailbox.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CalendarKey(pub u64);

/// Which event of a mailbox; a series is one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EventKey(pub u64);

/// The two ids of an item (S24).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ItemIds {
    /// The id that stays.
    pub immutable_id: String,
    /// The other format.
    pub default_id: String,
}

impl ItemIds {
    /// The one a client asked for.
    pub fn pick(&self, immutable: bool) -> &str {
        if immutable {
            &self.immutable_id
        } else {
            &self.default_id
        }
    }
}

/// A calendar (F7.16).
#[derive(Debug, Clone)]
pub struct Calendar {
    /// Which.
    pub key: CalendarKey,
    /// Its id, the same in both formats.
    pub id: String,
    /// Its name.
    pub name: String,
    /// `color`.
    pub color: String,
    /// Whether it is the default one.
    pub is_default: bool,
    /// Whose it is.
    pub owner: Person,
    /// Its version, for its change key.
    pub version: u64,
}

/// A single event, or the master of a series.
#[derive(Debug, Clone)]
pub struct Event {
    /// Which.
    pub key: EventKey,
    /// Where it stands.
    pub calendar: CalendarKey,
    /// Its ids.
    pub ids: ItemIds,
    /// The part of `iCalUId` that every copy of a meeting shares, whoever's calendar it stands in (F7.6).
    pub uid: String,
    /// What it says.
    pub details: Details,
    /// When it happens; of a series, the first time.
    pub slot: Slot,
    /// How it repeats.
    pub series: Option<Series>,
    /// Who called it.
    pub organizer: Person,
    /// Whether the owner of the calendar did.
    pub is_organizer: bool,
    /// `transactionId`, if the client gave one.
    pub transaction_id: Option<String>,
    /// Extended properties: id and value. Those who are invited do not have them.
    pub extended: Vec<(String, String)>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was changed last.
    pub modified_at: Timestamp,
    /// Its version, for its change key.
    pub version: u64,
    /// The number of its last change.
    pub sequence: u64,
}

/// What an id leads to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Target {
    /// A single event or a master.
    Whole(EventKey),
    /// The occurrence or exception of a series for a date.
    Occurrence(EventKey, NaiveDate),
}

impl Target {
    /// The event or master.
    pub fn key(self) -> EventKey {
        match self {
            Self::Whole(key) | Self::Occurrence(key, _) => key,
        }
    }
}

/// The last change of one event, as the delta streams see it.
#[derive(Debug, Clone)]
pub(super) struct JournalEntry {
    pub(super) calendar: CalendarKey,
    pub(super) key: EventKey,
    /// What it was, once it is gone.
    pub(super) gone: Option<Box<Event>>,
}

/// The calendars of one mailbox.
#[derive(Debug)]
pub struct CalendarState {
    pub(super) owner: Person,
    pub(super) mint: IdMint,
    pub(super) calendars: Vec<Calendar>,
    pub(super) events: BTreeMap<EventKey, Event>,
    pub(super) by_id: HashMap<String, EventKey>,
    pub(super) by_transaction: HashMap<String, EventKey>,
    pub(super) journal: BTreeMap<u64, JournalEntry>,
    sequence: u64,
    counter: u64,
}

impl CalendarState {
    /// One empty default calendar named `name`.
    pub fn new(owner: Person, name: &str, rng: &mut fastrand::Rng) -> Self {
        let mut state = Self {
            owner,
            mint: IdMint::new(rng),
            calendars: Vec::new(),
            events: BTreeMap::new(),
            by_id: HashMap::new(),
            by_transaction: HashMap::new(),
            journal: BTreeMap::new(),
            sequence: 0,
            counter: 0,
        };
        state.add_calendar(name, "auto");
        state
    }

    /// All calendars, the default one first.
    pub fn calendars(&self) -> &[Calendar] {
        &self.calendars
    }

    /// The default calendar.
    pub fn default_calendar(&self) -> &Calendar {
        self.calendars
            .first()
            .expect("the default calendar cannot be deleted")
    }

    /// The calendar of an id.
    pub fn calendar(&self, id: &str) -> Result<&Calendar, Refusal> {
        self.calendars
            .iter()
            .find(|calendar| calendar.id == id)
            .ok_or(Refusal::NotFound)
    }

    /// The calendar of a key, while it exists.
    pub fn calendar_of(&self, key: CalendarKey) -> Option<&Calendar> {
        self.calendars.iter().find(|calendar| calendar.key == key)
    }

    /// All singles and masters, the oldest first.
    pub fn events(&self) -> impl Iterator<Item = &Event> {
        self.events.values()
    }

    /// The singles and masters of one calendar.
    pub fn events_in(&self, calendar: CalendarKey) -> impl Iterator<Item = &Event> {
        self.events
            .values()
            .filter(move |event| event.calendar == calendar)
    }

    /// The event of a key.
    pub fn event(&self, key: EventKey) -> Result<&Event, Refusal> {
        self.events.get(&key).ok_or(Refusal::NotFound)
    }

    /// What an id of either format leads to (F12.4).
    pub fn find(&self, id: &str) -> Result<Target, Refusal> {
        if let Some(key) = self.by_id.get(id) {
            return Ok(Target::Whole(*key));
        }
        if id.len() < 16 || !id.is_ascii() {
            return Err(Refusal::MalformedId);
        }
        let (master, generation, date) = occurrence_id::decompose(id).ok_or(Refusal::NotFound)?;
        let key = *self.by_id.get(&master).ok_or(Refusal::NotFound)?;
        let series = self.event(key)?.series.as_ref().ok_or(Refusal::NotFound)?;
        if series.generation() == generation && series.has(date) {
            Ok(Target::Occurrence(key, date))
        } else {
            Err(Refusal::NotFound)
        }
    }

    /// The ids of the occurrence of a master for `date`.
    pub fn occurrence_ids(event: &Event, date: NaiveDate) -> ItemIds {
        let generation = event.series.as_ref().map_or(0, Series::generation);
        ItemIds {
            immutable_id: occurrence_id::compose(&event.ids.immutable_id, generation, date),
            default_id: occurrence_id::compose(&event.ids.default_id, generation, date),
        }
    }

    /// The number of the last change.
    pub fn sequence(&self) -> u64 {
        self.sequence
    }

    pub(super) fn next_number(&mut self) -> u64 {
        self.counter += 1;
        self.counter
    }

    pub(super) fn add_calendar(&mut self, name: &str, color: &str) -> CalendarKey {
        let key = CalendarKey(self.next_number());
        let id = self.mint.container_id();
        self.calendars.push(Calendar {
            key,
            id,
            name: name.to_owned(),
            color: color.to_owned(),
            is_default: self.calendars.is_empty(),
            owner: self.owner.clone(),
            version: 1,
        });
        key
    }

    /// Numbers a change of an event that lives.
    pub(super) fn touch(&mut self, key: EventKey) {
        self.sequence += 1;
        let sequence = self.sequence;
        let Some(event) = self.events.get_mut(&key) else {
            return;
        };
        self.journal.remove(&event.sequence);
        event.sequence = sequence;
        let calendar = event.calendar;
        self.journal.insert(
            sequence,
            JournalEntry {
                calendar,
                key,
                gone: None,
            },
        );
    }

    /// Takes an event out and numbers that.
    pub(super) fn forget(&mut self, key: EventKey) -> Option<Event> {
        let event = self.events.remove(&key)?;
        self.by_id.remove(&event.ids.immutable_id);
        self.by_id.remove(&event.ids.default_id);
        if let Some(transaction) = &event.transaction_id {
            self.by_transaction.remove(transaction);
        }
        self.journal.remove(&event.sequence);
        self.sequence += 1;
        self.journal.insert(
            self.sequence,
            JournalEntry {
                calendar: event.calendar,
                key,
                gone: Some(Box::new(event.clone())),
            },
        );
        Some(event)
    }

    /// What to announce about an event: an edit of an occurrence names the master, too (F10.26).
    pub(super) fn change_of(&self, event: &Event, what: ChangeType) -> Change {
        let calendar = self.calendar_of(event.calendar);
        Change {
            what,
            entity: Entity::Event {
                calendar_id: calendar
                    .map(|calendar| calendar.id.clone())
                    .unwrap_or_default(),
                in_default_calendar: calendar.is_some_and(|calendar| calendar.is_default),
                immutable_id: event.ids.immutable_id.clone(),
                default_id: event.ids.default_id.clone(),
            },
            etag: ids::etag(event.key.0, event.version),
        }
    }
}
