//! Who there is, and who talks with whom. All of it is computed from a user's number, so that a million of them take no memory.

use stonechat::ids::{ConvId, GroupId, Members, UserId};

/// Members of a small group: neighbours by number.
pub const CIRCLE: u32 = 20;
/// Members of a large one: they are spread over all numbers.
pub const ROOM: u32 = 500;

/// Users from 1 on, each of whom is in one circle and one room, and talks with one other user alone.
#[derive(Clone, Copy, Debug)]
pub struct Population {
    pub users: u32,
    /// Members of a large group.
    room: u32,
}

/// To whom something is said.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum To {
    Partner,
    Circle,
    Room,
}

pub fn user(number: u32) -> UserId {
    UserId::new(i64::from(number)).expect("users are numbered from 1")
}

fn group(number: u32) -> GroupId {
    GroupId::new(i64::from(number)).expect("groups are numbered from 1")
}

/// Partners are neighbours.
fn partner(number: u32) -> u32 {
    ((number - 1) ^ 1) + 1
}

fn circle(number: u32) -> GroupId {
    group((number - 1) / CIRCLE + 1)
}

impl Population {
    /// At least so many users, and whole groups.
    pub fn of_at_least(users: u32) -> Self {
        Self { users: users.next_multiple_of(2 * ROOM), room: ROOM }
    }

    /// At least so many users, all of whom are in one large group.
    pub fn in_one_room(users: u32) -> Self {
        let users = users.next_multiple_of(2 * CIRCLE);
        Self { users, room: users }
    }

    fn circles(self) -> u32 {
        self.users / CIRCLE
    }

    fn rooms(self) -> u32 {
        self.users / self.room
    }

    pub fn room(self, number: u32) -> GroupId {
        group(self.circles() + (number - 1) % self.rooms() + 1)
    }

    pub fn groups(self, number: u32) -> [GroupId; 2] {
        [circle(number), self.room(number)]
    }

    /// The first members of a group, ascending.
    pub fn members(self, of: GroupId, limit: u32) -> Vec<u32> {
        let index = of.number() - 1;
        let first = 0..self.size(of).min(limit);
        match index.checked_sub(self.circles()) {
            None => first.map(|place| index * CIRCLE + place + 1).collect(),
            Some(room) => first.map(|place| place * self.rooms() + room + 1).collect(),
        }
    }

    /// How many members a group has.
    pub fn size(self, of: GroupId) -> u32 {
        if of.number() > self.circles() { self.room } else { CIRCLE }
    }

    pub fn is_in(self, number: u32, conv: ConvId) -> bool {
        match conv.members() {
            Some(Members::Group(group)) => self.groups(number).contains(&group),
            Some(Members::Pair(a, b)) => [a.number(), b.number()].contains(&number),
            None => false,
        }
    }

    /// The conversations that a user may have something in.
    pub fn conversations(self, number: u32) -> [ConvId; 3] {
        let [circle, room] = self.groups(number);
        [ConvId::group(circle), ConvId::group(room), ConvId::pair(user(number), user(partner(number)))]
    }

    /// How many sessions are pushed a message: all members but its sender.
    pub fn listeners(to: To) -> u32 {
        match to {
            To::Partner => 1,
            To::Circle => CIRCLE - 1,
            To::Room => ROOM - 1,
        }
    }

    /// The line by which a user says so.
    pub fn line(self, number: u32, to: To, text: &str) -> String {
        match to {
            To::Partner => format!(r#"{{"msgid":6,"toid":{},"msg":"{text}"}}"#, partner(number)),
            To::Circle => format!(r#"{{"msgid":10,"groupid":{},"msg":"{text}"}}"#, circle(number)),
            To::Room => format!(r#"{{"msgid":10,"groupid":{},"msg":"{text}"}}"#, self.room(number)),
        }
    }
}
