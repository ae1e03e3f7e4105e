//! One loopback port for each mailbox, all leading to the same server, which note when a connection is opened and when the
//! server speaks. What passes stays encrypted: nothing here reads it.

use std::net::Ipv4Addr;
use std::sync::{Arc, Mutex, PoisonError};

use jiff::Timestamp;
use sandbox::clock;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

/// The doors. Dropping them closes all connections.
pub struct Doors {
    doors: Vec<Arc<Door>>,
    _porters: JoinSet<()>,
}

struct Door {
    port: u16,
    seen: Mutex<Seen>,
}

#[derive(Default)]
struct Seen {
    openings: Vec<Timestamp>,
    /// When the server spoke for the first time since [`Doors::listen`].
    spoke: Option<Timestamp>,
}

impl Doors {
    /// So many doors to a local port.
    pub async fn open(count: usize, to: u16) -> anyhow::Result<Self> {
        let (mut doors, mut porters) = (Vec::new(), JoinSet::new());
        for _ in 0..count {
            let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
            let door = Arc::new(Door { port: listener.local_addr()?.port(), seen: Mutex::default() });
            porters.spawn(door.clone().keep(listener, to));
            doors.push(door);
        }
        Ok(Self { doors, _porters: porters })
    }

    /// Their ports, in order.
    pub fn ports(&self) -> impl Iterator<Item = u16> {
        self.doors.iter().map(|door| door.port)
    }

    /// Forgets what was seen at all doors.
    pub fn forget(&self) {
        for door in &self.doors {
            *door.seen() = Seen::default();
        }
    }

    /// When connections were opened, oldest first.
    pub fn openings(&self) -> Vec<Timestamp> {
        let mut openings: Vec<Timestamp> = self.doors.iter().flat_map(|door| door.seen().openings.clone()).collect();
        openings.sort_unstable();
        openings
    }

    /// From now on the server's next word at this door counts.
    pub fn listen(&self, door: usize) {
        if let Some(door) = self.doors.get(door) {
            door.seen().spoke = None;
        }
    }

    /// When the server spoke since then.
    pub fn spoke(&self, door: usize) -> Option<Timestamp> {
        self.doors.get(door)?.seen().spoke
    }
}

impl Door {
    async fn keep(self: Arc<Self>, listener: TcpListener, to: u16) {
        let mut connections = JoinSet::new();
        while let Ok((client, _)) = listener.accept().await {
            self.seen().openings.push(clock::now());
            while connections.try_join_next().is_some() {}
            connections.spawn(self.clone().carry(client, to));
        }
    }

    async fn carry(self: Arc<Self>, client: TcpStream, to: u16) {
        let Ok(server) = TcpStream::connect((Ipv4Addr::LOCALHOST, to)).await else { return };
        if client.set_nodelay(true).and(server.set_nodelay(true)).is_err() {
            return;
        }
        let ((from_client, to_client), (from_server, to_server)) = (client.into_split(), server.into_split());
        tokio::select! {
            () = pass(from_client, to_server, || ()) => {}
            () = pass(from_server, to_client, || self.hear()) => {}
        }
    }

    fn hear(&self) {
        self.seen().spoke.get_or_insert_with(clock::now);
    }

    fn seen(&self) -> std::sync::MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Until either end is gone.
async fn pass(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, heard: impl Fn()) {
    let mut buffer = vec![0; 8 << 10];
    while let Ok(count @ 1..) = from.read(&mut buffer).await {
        heard();
        let Some(part) = buffer.get(..count) else { return };
        if to.write_all(part).await.is_err() {
            return;
        }
    }
}
