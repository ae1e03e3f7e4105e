//! A connection under COMPRESS=DEFLATE (RFC 4978). What comes is inflated piece by piece, never more than is asked for. What
//! goes out stays as it is, in stored blocks (RFC 1951, 3.2.4): commands are few and short, and a compressor needs 256 KiB.
//!
//! The crate that async-imap would use keeps 180 KiB for each connection and loses what has been read ahead.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{Buf, BufMut, BytesMut};
use flate2::{Decompress, FlushDecompress, Status};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

const READ_SIZE: usize = 4096;
/// A stored block's length has 16 bits.
const MAX_BLOCK: usize = 0xffff;

/// What the server sends is not compressed as it said.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("compressed data that cannot be read")]
pub struct Unreadable;

/// A connection that may be compressed from some moment on.
#[derive(Debug)]
pub struct Wire<S> {
    stream: S,
    compression: Option<Box<Compression>>,
}

#[derive(Debug)]
struct Compression {
    inflate: Decompress,
    /// Compressed, and not inflated yet.
    incoming: BytesMut,
    /// Blocks that the stream has not taken yet.
    outgoing: BytesMut,
}

impl<S> Wire<S> {
    /// Nothing is compressed yet.
    pub fn new(stream: S) -> Self {
        Self { stream, compression: None }
    }

    /// From here on everything is compressed; `ahead` was read already.
    pub fn compress(&mut self, ahead: BytesMut) {
        let inflate = Decompress::new(false);
        self.compression = Some(Box::new(Compression { inflate, incoming: ahead, outgoing: BytesMut::new() }));
    }

    /// The stream underneath.
    pub fn into_inner(self) -> S {
        self.stream
    }
}

impl Compression {
    /// Inflates into `buffer`; says whether anything came of it, without which more must be read.
    fn inflate(&mut self, buffer: &mut ReadBuf<'_>) -> io::Result<bool> {
        let unreadable = || io::Error::new(io::ErrorKind::InvalidData, Unreadable);
        let (taken, made) = (self.inflate.total_in(), self.inflate.total_out());
        let room = buffer.initialize_unfilled();
        let status = self.inflate.decompress(&self.incoming, room, FlushDecompress::Sync).map_err(|_| unreadable())?;
        let made = usize::try_from(self.inflate.total_out() - made).unwrap_or(usize::MAX).min(room.len());
        let taken = usize::try_from(self.inflate.total_in() - taken).unwrap_or(usize::MAX);
        self.incoming.advance(taken.min(self.incoming.len()));
        buffer.advance(made);
        match status {
            Status::StreamEnd if made == 0 => Err(unreadable()), // it has no end but the connection's
            Status::Ok | Status::BufError | Status::StreamEnd => Ok(made > 0),
        }
    }

    /// Puts bytes into a block of their own; gives how many.
    fn store(&mut self, bytes: &[u8]) -> usize {
        let block = bytes.get(..MAX_BLOCK).unwrap_or(bytes);
        let length = u16::try_from(block.len()).unwrap_or(u16::MAX);
        self.outgoing.put_u8(0); // not the last block, and stored
        self.outgoing.put_u16_le(length);
        self.outgoing.put_u16_le(!length);
        self.outgoing.extend_from_slice(block);
        block.len()
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Wire<S> {
    fn poll_read(self: Pin<&mut Self>, ctx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let Self { stream, compression } = self.get_mut();
        let Some(compression) = compression else { return Pin::new(stream).poll_read(ctx, buffer) };
        while !compression.inflate(buffer)? {
            let mut bytes = [0; READ_SIZE];
            let mut more = ReadBuf::new(&mut bytes);
            ready!(Pin::new(&mut *stream).poll_read(ctx, &mut more))?;
            if more.filled().is_empty() {
                break;
            }
            compression.incoming.extend_from_slice(more.filled());
        }
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> Wire<S> {
    /// Sends on what waits in blocks.
    fn poll_outgoing(&mut self, ctx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let Some(compression) = &mut self.compression else { return Poll::Ready(Ok(())) };
        while !compression.outgoing.is_empty() {
            let written = ready!(Pin::new(&mut self.stream).poll_write(ctx, &compression.outgoing))?;
            if written == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            compression.outgoing.advance(written);
        }
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Wire<S> {
    fn poll_write(self: Pin<&mut Self>, ctx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        ready!(this.poll_outgoing(ctx))?;
        match &mut this.compression {
            Some(compression) => Poll::Ready(Ok(compression.store(bytes))),
            None => Pin::new(&mut this.stream).poll_write(ctx, bytes),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, ctx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        ready!(this.poll_outgoing(ctx))?;
        Pin::new(&mut this.stream).poll_flush(ctx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, ctx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        ready!(this.poll_outgoing(ctx))?;
        Pin::new(&mut this.stream).poll_shutdown(ctx)
    }
}
