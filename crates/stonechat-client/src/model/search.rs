//! A search: pages of messages until there are enough, and more when somebody asks for it.

use stonechat_protocol::ask::{Ask, ConversationAsk};
use stonechat_protocol::body::SearchPage;
use stonechat_protocol::ids::Peer;

use super::asked::Asked;
use super::message::message_of;
use super::{Model, News, Reach};

/// It pauses when it has found so many.
const ENOUGH: usize = 50;

/// A search that was begun.
#[derive(Debug)]
pub(crate) struct Search {
    words: String,
    peer: Option<Peer>,
    next: Option<String>,
    found: usize,
    /// Answers to an earlier search are passed over.
    number: u64,
}

impl Model {
    /// Begins a search, in one conversation or in all.
    pub(super) fn search(&mut self, words: String, peer: Option<Peer>) {
        self.tags += 1;
        self.search = Some(Search { words, peer, next: None, found: 0, number: self.tags });
        self.search_on();
    }

    /// Goes on where it has paused.
    pub(super) fn search_more(&mut self) {
        match &mut self.search {
            Some(search) if search.next.is_some() => search.found = 0,
            _ => return self.tell(News::Refused("there is nothing more: /search WORDS begins a search".to_owned())),
        }
        self.search_on();
    }

    fn search_on(&mut self) {
        // Taken out for the moment: the request borrows from it.
        let Some(search) = self.search.take() else { return };
        let request = stonechat_protocol::ask::Search {
            keyword: &search.words,
            peer: search.peer,
            after: search.next.as_deref(),
            ..Default::default()
        };
        self.ask_or_say(Asked::Search(search.number), Ask::Conversation(ConversationAsk::Search(request)));
        self.search = Some(search);
    }

    pub(super) fn search_answered(&mut self, number: u64, page: SearchPage) {
        let search = self.search.as_mut().filter(|search| search.number == number);
        let (Some(me), Some(search)) = (self.account.id, search) else { return };
        let SearchPage { messages, more, next } = page;
        search.found += messages.len();
        search.next = next.filter(|_| more);
        let reach = match &search.next {
            None => Reach::End,
            Some(_) if search.found >= ENOUGH => Reach::Paused,
            Some(_) => Reach::GoesOn,
        };
        let found = messages.into_iter().map(|message| message_of(message, me)).collect();
        self.tell(News::Found(found, reach));
        if reach == Reach::GoesOn {
            self.search_on();
        }
    }
}
