//! Every command, as `/help` and completion show it.

/// A command.
pub(crate) struct Spec {
    pub(crate) name: &'static str,
    /// What older clients call it, and short forms.
    pub(crate) aliases: &'static [&'static str],
    pub(crate) arguments: &'static str,
    pub(crate) what: &'static str,
}

/// Commands that belong together.
pub(crate) struct Section {
    pub(crate) heading: &'static str,
    pub(crate) specs: &'static [Spec],
}

/// All commands, in the order in which `/help` shows them.
pub(crate) const SECTIONS: [Section; 6] = [
    Section { heading: "Conversations", specs: &CONVERSATIONS },
    Section { heading: "Messages of the open conversation (#N: number N; else the last one)", specs: &MESSAGES },
    Section { heading: "People", specs: &PEOPLE },
    Section { heading: "Groups (all but the first three: the open group)", specs: &GROUPS },
    Section { heading: "Your account", specs: &ACCOUNT },
    Section { heading: "The client", specs: &CLIENT },
];

/// All commands, one after the other.
pub(crate) fn specs() -> impl Iterator<Item = &'static Spec> {
    SECTIONS.iter().flat_map(|section| section.specs)
}

const fn spec(
    name: &'static str,
    aliases: &'static [&'static str],
    arguments: &'static str,
    what: &'static str,
) -> Spec {
    Spec { name, aliases, arguments, what }
}

const CONVERSATIONS: [Spec; 9] = [
    spec("chat", &["groupchat", "msg"], "NAME [TEXT]", "open a conversation; #NAME is a group"),
    spec("history", &[], "[NAME]", "older messages (Page-Up does it, too)"),
    spec("search", &[], "WORDS", "messages in all conversations"),
    spec("grep", &["searchhere"], "WORDS", "messages in the open conversation"),
    spec("more", &[], "", "go on with the search"),
    spec("mutechat", &[], "[NAME]", "its messages draw no attention"),
    spec("unmutechat", &[], "[NAME]", "they do again"),
    spec("pin", &[], "[NAME]", "keep a conversation on top of the list"),
    spec("unpin", &[], "[NAME]", "no longer"),
];

const MESSAGES: [Spec; 9] = [
    spec("edit", &[], "[#N] TEXT", "change a message of yours (Up does it, too)"),
    spec("recall", &["unsend"], "[#N]", "take a message back"),
    spec("reply", &["re"], "[#N] TEXT", "answer a message (Alt-R does it, too)"),
    spec("react", &[], "[#N] REACTION", "react: an emoji, a word, +1, heart, ..."),
    spec("unreact", &[], "[#N] [REACTION]", "take a reaction back"),
    spec("seen", &[], "[#N]", "who has received and read a message"),
    spec("numbers", &[], "", "the numbers of the messages; once more: the times"),
    spec("retry", &[], "", "send failed messages again (Ctrl-R)"),
    spec("discard", &[], "", "drop failed messages"),
];

const PEOPLE: [Spec; 13] = [
    spec("who", &["members"], "[#GROUP]", "who is there, or in a group"),
    spec("find", &[], "WORD", "users and groups, by how the name begins"),
    spec("add", &["addfriend"], "NAME", "make somebody a friend at once"),
    spec("ask", &[], "NAME [WORDS]", "ask somebody to be a friend"),
    spec("requests", &[], "", "who asks you: friends, invitations, the open group"),
    spec("accept", &[], "NAME", "say yes to one of these; #GROUP: an invitation"),
    spec("decline", &[], "NAME", "say no to one of these"),
    spec("asked", &[], "", "what you have asked for, and invitations"),
    spec("withdraw", &[], "NAME", "take back what you asked for; #GROUP: to join"),
    spec("remove", &["delfriend", "unfriend"], "NAME", "end a friendship"),
    spec("block", &[], "NAME", "hear nothing more from somebody"),
    spec("unblock", &[], "NAME", "hear from somebody again"),
    spec("blocked", &[], "", "whom you have blocked"),
];

const GROUPS: [Spec; 14] = [
    spec("create", &["creategroup"], "NAME [DESCRIPTION]", "create a group"),
    spec("join", &["addgroup"], "GROUP", "join a group, by number or name"),
    spec("leave", &["quitgroup", "part"], "[GROUP]", "leave a group"),
    spec("delgroup", &["deletegroup"], "[GROUP]", "delete a group of your own and its messages"),
    spec("invite", &[], "NAME", "invite somebody"),
    spec("kick", &[], "NAME", "send a member away"),
    spec("ban", &[], "NAME", "send a member away for good"),
    spec("unban", &[], "NAME", "let somebody come again"),
    spec("bans", &[], "", "who may not come again"),
    spec("mute", &[], "NAME [TIME]", "silence a member: for 10m, 2h, 1d (1h)"),
    spec("unmute", &[], "NAME", "let a member speak again"),
    spec("role", &[], "NAME admin|normal", "make a member an admin, or not"),
    spec("handover", &[], "NAME", "make a member the creator in your place"),
    spec("set", &[], "WHAT VALUE", "name, about, join (open, ask, invite), speak (all, admins), history (all, joined)"),
];

const ACCOUNT: [Spec; 9] = [
    spec("register", &[], "[NAME]", "create an account"),
    spec("login", &[], "[NAME]", "log in"),
    spec("logout", &["loginout"], "", "log out and forget the token"),
    spec("name", &["rename"], "NAME", "have another name"),
    spec("profile", &[], "[WORDS]", "some words about you, or none"),
    spec("password", &["passwd"], "", "change the password"),
    spec("sessions", &[], "", "where you are logged in"),
    spec("end", &[], "NUMBER|others", "log out there"),
    spec("erase", &[], "", "erase the account and all it has said"),
];

const CLIENT: [Spec; 3] = [
    spec("connect", &["reconnect"], "", "try to connect now"),
    spec("help", &[], "", "this list"),
    spec("quit", &["exit"], "", "end the client"),
];
