//! Chinese text whose UTF-8 bytes a server program has called gbk, so that the database has taken them for other letters.
//!
//! ```text
//!   你好 --UTF-8--> E4 BD A0 E5 A5 BD --taken for gbk--> 浣犲ソ      what stands in the table
//!   浣犲ソ --gbk--> E4 BD A0 E5 A5 BD --UTF-8--> 你好               the way back
//! ```

use encoding_rs::GBK;

/// The first character that takes three bytes in UTF-8. A text without any is none that was garbled like this: two bytes may
/// be either one letter of gbk or one of UTF-8, and Chinese is much more likely here.
const THREE_BYTES: char = '\u{800}';

/// The text that was meant, if this one is such a text.
#[must_use]
pub(super) fn mended(text: &str) -> Option<String> {
    if text.is_ascii() {
        return None;
    }
    let (bytes, _, has_others) = GBK.encode(text);
    if has_others {
        return None;
    }
    let meant = String::from_utf8(bytes.into_owned()).ok()?;
    let shows_it = |c: char| c >= THREE_BYTES && !c.is_control();
    let spoils_it = |c: char| ('\u{80}'..THREE_BYTES).contains(&c) && !is_european(c);
    (meant.chars().any(shows_it) && !meant.chars().any(spoils_it)).then_some(meant)
}

/// Letters and signs that stand beside Chinese in ordinary texts.
fn is_european(c: char) -> bool {
    matches!(c, '\u{A0}'..='\u{17F}' | '\u{2B0}'..='\u{3FF}' | '\u{400}'..='\u{45F}')
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What the old server made of a text, where the database could hold it.
    fn garbled(text: &str) -> String {
        let (garbled, _, has_errors) = GBK.decode(text.as_bytes());
        assert!(!has_errors, "{text} could not be stored");
        garbled.into_owned()
    }

    #[test]
    fn what_was_garbled_comes_back() {
        assert_eq!(garbled("你好"), "浣犲ソ");
        for text in ["你好", "张三", "王五", "音乐", "{\"msg\":\"你好\",\"name\":\"张三\"}", "😀", "你好 😀😀 café ok"]
        {
            assert_eq!(mended(&garbled(text)).as_deref(), Some(text));
        }
    }

    #[test]
    fn what_is_right_is_left_alone() {
        for text in [
            "",
            "anna",
            "你好",
            "张三",
            "李四",
            "大海",
            "诺亚",
            "学习群",
            "每周四",
            "群聊",
            "说明",
            "晚饭",
            "几点",
            "你们好！",
            "他说\"好\"",
            "住",
            "联通",
            "茅",
            "😀",
            "café",
            "Ünï",
            "こんにちは",
            "你好 8号",
            "围棋",
            "跑步",
            "象棋",
        ] {
            assert_eq!(mended(text), None, "{text}");
        }
    }

    #[test]
    fn common_letters_alone_and_in_pairs_are_left_alone() {
        let letters: Vec<char> = "的一是了我不人在他有这个上们来到时大地为子中你说生国年着就那和要她出也得里后自以会家可下而过天去能对小多然于心学么之都好看起发当没成只如事把还用第样道想作种开美总从无情己面最女但现前些所同日手又行意动方期它头经长儿回位分爱老因很给名法间斯知世什两次使身者被高已亲其进此话常与活正感见明问力理尔点文几定本公特做外孩相西果走将月十实向声车全信重三机工物气每并别真打太新比才便夫再书部水像眼等体却加电主界门利海受听表德少克代员许先口由死安写性马光白或住难望教命花结乐色更拉东神记处让母父应直字场平报友关放至张认接告入笑内英军候民岁往何度山觉路带万男边风解叫任金快原吃妈变通师立象数四失满战远格士音轻目条呢".chars().collect();
        for &one in &letters {
            assert_eq!(mended(&one.to_string()), None, "{one}");
            for &other in &letters {
                let pair = String::from_iter([one, other]);
                assert_eq!(mended(&pair), None, "{pair}");
            }
        }
    }

    #[test]
    fn what_lost_bytes_is_left_as_it_is() {
        assert_eq!(mended("??"), None);
        assert_eq!(mended("浣犲ソ\u{FFFD}"), None);
        assert_eq!(mended("浣"), None, "half of it");
    }
}
