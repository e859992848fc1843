//! Many processes that want one port, some under a lease, each of them killed at some moment, and so is a daemon beside them:
//! whether two ever have it, whether one that died keeps it, a lease beyond its time, and whether the audit log tells all of it.
//!
//! The witness is a lock of the kernel that each takes beside the store's: it knows nothing of the store.

use std::collections::BTreeMap;
use std::fs::{File, TryLockError};
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{self, Sender};
use std::thread;
use std::time::Duration;

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use serde_json::{Value, json};
use store::{Actor, Hold, Store, StoreError, Token, Use, Wanted};

use crate::Failure;
use crate::child::end;
use crate::output::say;

/// What must be none of what is counted.
pub(super) const NEVER: [&str; 3] = ["two_at_once", "orphans", "untold"];
/// How many want the port at once.
const CLIENTS: usize = 8;
/// The longest time for which one has it.
const HELD_MS: u64 = 4;
/// A client is killed after so many rounds of all, at random.
const ROUNDS_A_KILL: u64 = 4;
/// One round of so many is made under a lease, at random, which lasts so long for whoever is killed.
const ROUNDS_A_LEASE: u64 = 4;
const LEASED: Duration = Duration::from_secs(3);
/// Instead of a client the daemon is killed, once in so many kills, at random.
const KILLS_A_DAEMON: u64 = 4;
/// How long nobody may have the port before it counts as lost.
const LOST: Duration = Duration::from_secs(30);

const ROUND: &str = "round";
const TWO: &str = "two have it";

/// So many rounds of all clients together, in a store below that folder.
pub(super) fn measure(folder: &Path, rounds: u64, seed: u64) -> Result<Value, Failure> {
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let (say_it, said) = mpsc::channel();
    let start = |seed: u64| client(folder, seed, say_it.clone());
    let mut clients: Vec<Child> = (0..CLIENTS).map(|_| start(random.next_u64())).collect::<Result<_, _>>()?;
    let mut daemon = start_daemon(folder)?;
    let (mut done, mut kills, mut daemon_kills, mut doubles) = (0, 0, 0, 0_u64);
    while done < rounds {
        match said.recv_timeout(LOST).as_deref() {
            Ok(ROUND) => done += 1,
            Ok(TWO) => doubles += 1,
            Ok(other) => return Err(Failure::bench(format!("a client said '{other}'"))),
            Err(_) => return Err(Failure::bench(format!("nobody had the port within {} s", LOST.as_secs()))),
        }
        for client in &mut clients {
            if let Some(status) = client.try_wait().map_err(Failure::bench)? {
                return Err(Failure::bench(format!("a client that nobody killed ended with {status}")));
            }
        }
        if random.next_u64().is_multiple_of(ROUNDS_A_KILL) {
            let victim = (random.next_u64() % CLIENTS as u64) as usize;
            // Not right behind somebody's round, when hardly anybody has anything.
            thread::sleep(Duration::from_micros(random.next_u64() % (HELD_MS * 1000)));
            if random.next_u64().is_multiple_of(KILLS_A_DAEMON) {
                if let Some(status) = daemon.try_wait().map_err(Failure::bench)? {
                    return Err(Failure::bench(format!("a daemon that nobody killed ended with {status}")));
                }
                end(&mut daemon);
                daemon = start_daemon(folder)?;
                daemon_kills += 1;
            } else {
                end(&mut clients[victim]);
                clients[victim] = start(random.next_u64())?;
                kills += 1;
            }
        }
    }
    clients.iter_mut().chain([&mut daemon]).for_each(end);
    // Nobody is there any more to end a lease; its time does.
    thread::sleep(LEASED);
    let mut store = open(folder).map_err(Failure::bench)?;
    // By the log: whoever takes the port finds it let go, or abandoned.
    let (mut untold, mut abandoned, mut leases, mut is_taken) = (0_u64, 0_u64, 0_u64, false);
    store
        .audit(|entry| {
            leases += u64::from(entry.action == "lease.taken");
            if !entry.action.starts_with("hold.") {
                return;
            }
            let takes = entry.action == "hold.taken";
            untold += u64::from(takes == is_taken);
            abandoned += u64::from(entry.action == "hold.abandoned");
            is_taken = takes;
        })
        .map_err(Failure::bench)?;
    let orphans = store.holders().map_err(Failure::bench)?.len() + store.leases().map_err(Failure::bench)?.len();
    let entries = store.verify_audit(None).map_err(Failure::bench)?.entries;
    Ok(json!({
        "rounds": done, "clients": CLIENTS, "kills": kills, "daemon_kills": daemon_kills, "leases": leases,
        "two_at_once": doubles, "orphans": orphans,
        "abandoned": abandoned, "untold": untold, "audit_entries": entries,
    }))
}

/// One of them: takes the port, says so, and lets it go, until it is killed.
pub(super) fn work(folder: &Path, seed: u64) -> Result<Value, Failure> {
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let ports = BTreeMap::from([("port".to_owned(), Use::Alone)]);
    let wanted = Wanted { resources: &ports, holder: "a client", reason: "soak", lease: None };
    loop {
        // Opened first, so that a kill lets go of it first.
        let witness = File::create(folder.join("witness")).map_err(Failure::bench)?;
        let under_lease = random.next_u64().is_multiple_of(ROUNDS_A_LEASE);
        let (token, hold) = match take(folder, &wanted, under_lease, &witness) {
            Ok(taken) => taken,
            // A lease that one was too slow to use is over as well.
            Err(StoreError::Held { .. } | StoreError::Leased { .. } | StoreError::NoLease(_)) => {
                thread::sleep(Duration::from_millis(random.next_u64() % HELD_MS));
                continue;
            }
            Err(other) => return Err(Failure::bench(other)),
        };
        thread::sleep(Duration::from_millis(random.next_u64() % HELD_MS));
        drop(witness);
        drop(hold);
        match token.map_or(Ok(()), |token| open(folder)?.end_lease(&token)) {
            // Its time may have been over before.
            Ok(()) | Err(StoreError::NoLease(_)) => say!("{ROUND}"),
            Err(other) => return Err(Failure::bench(other)),
        }
    }
}

/// Takes the port, under a lease or not. From the first of the two on nobody else may have it.
fn take(
    folder: &Path,
    wanted: &Wanted<'_>,
    under_lease: bool,
    witness: &File,
) -> Result<(Option<Token>, Hold), StoreError> {
    let has_it = || {
        if matches!(witness.try_lock(), Err(TryLockError::WouldBlock)) {
            say!("{TWO}");
        }
    };
    if !under_lease {
        let hold = Hold::take(open(folder)?, wanted)?;
        has_it();
        return Ok((None, hold));
    }
    let (token, _) = open(folder)?.lease(wanted, LEASED)?;
    has_it();
    let hold = Hold::take(open(folder)?, &Wanted { lease: Some(&token), ..wanted.clone() })?;
    Ok((Some(token), hold))
}

fn open(folder: &Path) -> Result<Store, StoreError> {
    Store::open(folder, Actor("soak".to_owned()))
}

/// Starts a daemon on the same store.
fn start_daemon(folder: &Path) -> Result<Child, Failure> {
    let mut command = Command::new(rig::ourselves().map_err(Failure::bench)?);
    command.args(["serve", "--rig", "virtual", "--listen", "127.0.0.1:0", "--runs"]).arg(folder.join("runs"));
    command.env("DOSEBENCH_STATE", folder).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command.spawn().map_err(Failure::bench)
}

/// Starts a client; what it says comes over the channel.
fn client(folder: &Path, seed: u64, say_it: Sender<String>) -> Result<Child, Failure> {
    let program = rig::ourselves().map_err(Failure::bench)?;
    let mut child = Command::new(program)
        .args(["bench", "hold-client", "--seed", &seed.to_string(), "--folder"])
        .arg(folder)
        .stdout(Stdio::piped())
        .stdin(Stdio::null())
        .spawn()
        .map_err(Failure::bench)?;
    if let Some(stdout) = child.stdout.take() {
        thread::spawn(move || {
            let lines = BufReader::new(stdout).lines().map_while(Result::ok);
            lines.map_while(|line| say_it.send(line).ok()).for_each(drop);
        });
    }
    Ok(child)
}
