//! What goes out: whole, or bit by bit.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use futures_util::Stream;
use hyper::body::{Body as HyperBody, Frame, SizeHint};

/// Pieces of a body, made when the connection has room for them and not before.
pub type Pieces = Pin<Box<dyn Stream<Item = Bytes> + Send>>;

/// The body of a response. Its own type, so that the usual one costs no allocation and no virtual call.
pub enum Body {
    /// All there is.
    Whole(Bytes),
    /// Goes on until the stream ends.
    Pieces(Pieces),
}

impl Body {
    /// No bytes.
    pub const EMPTY: Body = Body::Whole(Bytes::new());

    /// These bytes.
    pub fn whole(bytes: impl Into<Bytes>) -> Body {
        Body::Whole(bytes.into())
    }
}

impl HyperBody for Body {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        match self.get_mut() {
            Body::Whole(bytes) if bytes.is_empty() => Poll::Ready(None),
            Body::Whole(bytes) => Poll::Ready(Some(Ok(Frame::data(std::mem::take(bytes))))),
            Body::Pieces(pieces) => {
                pieces.as_mut().poll_next(cx).map(|piece| piece.map(|bytes| Ok(Frame::data(bytes))))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Body::Whole(bytes) => bytes.is_empty(),
            Body::Pieces(_) => false,
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Body::Whole(bytes) => SizeHint::with_exact(bytes.len() as u64),
            Body::Pieces(_) => SizeHint::default(),
        }
    }
}
