//! Which earlier system's client a user has. No SQL, and nothing that acts.

/// An earlier system whose clients this server may be spoken to by.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum ClientDialect {
    /// The muduo chat course's, and its many copies'.
    Course,
    /// QQChatServer's.
    Qq,
    /// Polaris'.
    Polaris,
    /// Cdreamfly's.
    Cmf,
    /// sponge's and RayBox'.
    Sponge,
}

impl ClientDialect {
    /// All of them.
    pub(crate) const ALL: [Self; 5] = [Self::Course, Self::Qq, Self::Polaris, Self::Cmf, Self::Sponge];

    /// What it is called: in the database, in settings and by people.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Course => "course",
            Self::Qq => "qq",
            Self::Polaris => "polaris",
            Self::Cmf => "cmf",
            Self::Sponge => "sponge",
        }
    }

    /// The one that is called so.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|dialect| dialect.name() == name)
    }
}
