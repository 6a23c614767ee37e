//! The words of giver and taker, each a message of its own: a version, the length of the word in JSON, the word, and after an
//! offer the unread bytes of its connections, one behind the other.

use std::io;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::{OFFER_UNREAD_BYTES_MAX, luggage::Luggage};

/// Who speaks another one is left alone, and everybody serves on.
const VERSION: u8 = 1;

/// The version and the length.
const PREFIX_BYTES: usize = 5;

/// Longest message. A piece of luggage is some two hundred bytes long, unless it came through a very long path.
pub(super) const MESSAGE_BYTES_MAX: usize = OFFER_UNREAD_BYTES_MAX + 80 * 1024;

/// A word.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::worker) enum Message {
    /// The taker, first of all: it accepts, and this is its generation.
    Ready { generation: u32 },
    /// The giver: these connections, in the order of their descriptors.
    Offer { items: Vec<Item> },
    /// The taker would serve those that are true.
    Agreed { which: Vec<bool> },
    /// The giver: serve them.
    Yours,
    /// The giver: serve none of them, I do; and there will be no other offer.
    Withdrawn,
    /// The taker: mine. From here on it reads.
    Taken,
}

/// One connection of an offer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::worker) struct Item {
    pub(in crate::worker) luggage: Luggage,
    /// Kept apart from the luggage, because text is no place for bytes.
    #[serde(skip)]
    pub(in crate::worker) unread: Bytes,
    unread_bytes: usize,
}

impl Item {
    pub(in crate::worker) fn new(luggage: Luggage, unread: Bytes) -> Item {
        Item { luggage, unread_bytes: unread.len(), unread }
    }
}

impl Message {
    /// As it is sent.
    ///
    /// # Errors
    /// A path that is no text.
    pub(in crate::worker) fn encode(&self) -> io::Result<Vec<u8>> {
        let word = serde_json::to_vec(self)?;
        let length = u32::try_from(word.len()).map_err(io::Error::other)?;
        let mut bytes = vec![VERSION];
        bytes.extend(length.to_le_bytes());
        bytes.extend(word);
        if let Message::Offer { items } = self {
            items.iter().for_each(|item| bytes.extend(&item.unread));
        }
        Ok(bytes)
    }

    /// From what was received.
    ///
    /// # Errors
    /// Another version, or no such word.
    pub(in crate::worker) fn decode(bytes: &[u8]) -> io::Result<Message> {
        let malformed = || io::Error::other("a malformed word about connections");
        if bytes.first() != Some(&VERSION) {
            return Err(io::Error::other("another version of the handover"));
        }
        let length = bytes.get(1..PREFIX_BYTES).and_then(|length| length.try_into().ok());
        let length = length.map(u32::from_le_bytes).ok_or_else(malformed)?;
        let end = PREFIX_BYTES + usize::try_from(length).map_err(io::Error::other)?;
        let word = bytes.get(PREFIX_BYTES..end).ok_or_else(malformed)?;
        let mut message: Message = serde_json::from_slice(word)?;
        let mut rest = Bytes::copy_from_slice(&bytes[end..]);
        if let Message::Offer { items } = &mut message {
            for item in items {
                if rest.len() < item.unread_bytes {
                    return Err(malformed());
                }
                item.unread = rest.split_to(item.unread_bytes);
            }
        }
        if rest.is_empty() { Ok(message) } else { Err(malformed()) }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use conf::Address;
    use tokio::time::Instant;

    use super::{super::super::connection::Client, *};

    fn item(client: Client, local: Address, unread: &'static [u8]) -> Item {
        let minute = Duration::from_secs(60);
        let luggage =
            Luggage::new((client, &local), (7, 3), (Instant::now(), Instant::now()), (minute, minute));
        Item::new(luggage.expect("a client's"), Bytes::from_static(unread))
    }

    fn offer() -> Message {
        let address = "[::1]:80".parse().expect("an address");
        let items = vec![
            item(Client::Remote(address), Address::Inet(address), b"GET /\xff"),
            item(Client::Local, Address::Unix("/run/s".into()), b""),
            item(Client::Remote(address), Address::Inet(address), b"P"),
        ];
        Message::Offer { items }
    }

    #[test]
    fn every_word_arrives_as_it_was_said() {
        let agreed = Message::Agreed { which: vec![true, false] };
        let ready = Message::Ready { generation: 4 };
        for message in [ready, offer(), agreed, Message::Yours, Message::Withdrawn, Message::Taken] {
            let bytes = message.encode().expect("encodes");
            assert_eq!(Message::decode(&bytes).expect("decodes"), message);
        }
    }

    #[test]
    fn a_word_cut_short_or_of_another_version_is_refused() {
        let bytes = offer().encode().expect("encodes");
        for length in 0..bytes.len() {
            assert!(Message::decode(&bytes[..length]).is_err(), "{length} bytes of {}", bytes.len());
        }
        let longer = [bytes.as_slice(), b"x"].concat();
        assert!(Message::decode(&longer).is_err());
        let mut other = bytes;
        other[0] += 1;
        let error = Message::decode(&other).expect_err("another version");
        assert!(error.to_string().contains("another version"), "{error}");
    }
}
