"""The phrases that the demo understands, from the particular to the general: the first that fits counts."""

import re
from enum import Enum, auto


class Want(Enum):
    CREATE = auto()
    SCHEDULE = auto()
    LIST = auto()
    SEARCH = auto()
    FINISH = auto()
    REOPEN = auto()
    BEGIN = auto()
    DELETE = auto()
    MOVE = auto()
    MOVE_ALL = auto()
    RENAME = auto()
    WEIGH = auto()
    ANALYZE = auto()
    TIME = auto()
    QUOTA = auto()
    GREETING = auto()
    THANKS = auto()
    HELP = auto()
    CHOICE = auto()
    UNKNOWN = auto()


_TODO = r"(?:todos?|to-?\s?dos?|tasks?|reminders?|items?|entry|entries|notes?|appointments?|meetings?|plans?|things?)"
_LISTING = (
    r"(?:todos?|to-?\s?dos?|tasks?|list|agenda|schedule|calendar|reminders?|items?|appointments?|plans?|day|"
    r"week)"
)
_MINE = r"(?:(?:of\s+)?(?:all\s+)?(?:of\s+)?(?:my|the|our)\s+)?"
_LEVEL = (
    r"(?:very\s+|really\s+)?(?P<level>(?:less|more) important|urgent|important|high|low|medium|normal|unimportant)"
    r"(?:[\s-]priority)?"
)
_FINISHED = r"(?:done|finished|completed?|over|ready|checked off)"

_RULES: tuple[tuple[Want, str], ...] = (
    (
        Want.THANKS,
        (
            r"(?:thanks?|thank you|thx|cheers|great|perfect|nice|cool|good|awesome|ok|okay)(?: (?:a lot|you|so much|"
            r"very much|job|work))*"
        ),
    ),
    (Want.GREETING, r"(?:hi|hello|hey|hallo|good (?:morning|afternoon|evening)|howdy)(?: there| demo| you)?"),
    (
        Want.HELP,
        (
            r"help(?: me)?|(?:what|how) can (?:you|i) (?:do|help|ask|say).*|what do you (?:do|understand|know).*|"
            r"(?:who|what) are you.*|how does this work"
        ),
    ),
    (
        Want.CHOICE,
        (
            r"(?:the\s+)?(?P<choice>first|second|third|fourth|fifth|last|1st|2nd|3rd|4th|5th|#?\d|number "
            r"\d)(?:\s+(?:one|of them))?"
        ),
    ),
    (Want.CHOICE, r"(?P<choice>yes|yep|yeah|sure|right|correct|exactly)(?:\b.{0,20})?"),
    (Want.CHOICE, r"(?P<choice>no|nope|none|neither|never ?mind|cancel)(?:\s+(?:thanks|thank you|of them|that|it))?"),
    (
        Want.TIME,
        (
            r"(?:what(?:'s|s| is)?|which|tell me|do you know) (?:the |my )?(?:current |exact )?(?:time|date|day|"
            r"weekday|time and date|date and time)(?: (?:is it|of the week|of the day|it is|now|right|today|do we have|"
            r"what|currently|here))*|what(?:'s| is) today|current time|"
            r"what day is (?:it )?today"
        ),
    ),
    (
        Want.QUOTA,
        (
            r".*\bquota\b.*|(?:how (?:many|much)|what)\b.*\b(?:requests?|runs?|messages|usage|allowance|"
            r"limit)\b.*(?:left|remain|used?|have|my|is).*|(?:show |check )?my (?:usage|limits?|allowance)"
        ),
    ),
    (
        Want.MOVE_ALL,
        (
            r"(?:move|shift|push|reschedule|postpone|delay)\s+(?:all|"
            rf"everything)\b(?:\s+{_MINE}{_TODO})?\s*(?P<source>.*?)\s*\b(?P<target>(?:to|until|till|by)\s+.+)"
        ),
    ),
    (Want.RENAME, r"rename\s+(?P<what>.+?)\s+(?:to|into|as)\s+(?P<target>.+)"),
    (Want.WEIGH, rf"(?:make|mark|set|flag|change)\s+(?P<what>.+?)\s+(?:as\s+|to\s+|a\s+)?(?:be\s+)?{_LEVEL}"),
    (Want.WEIGH, rf"(?P<what>(?!what|how|which).+?)\s+(?:is|are)\s+{_LEVEL}"),
    (
        Want.MOVE,
        (
            r"(?:move|reschedule|postpone|push|shift|delay|bring)\s+(?:back\s+|forward\s+)?(?P<what>.+?)\s+(?:back\s+|"
            r"forward\s+)?(?P<target>(?:to|until|till|for|by)\s+.+)"
        ),
    ),
    (Want.MOVE, r"(?:move|reschedule|postpone|push|shift|delay)\s+(?P<what>.+)"),
    (Want.MOVE, r"change\s+(?:the\s+)?(?:time|date|day|start)(?:\s+of)?\s+(?P<what>.+?)\s+(?P<target>to\s+.+)"),
    (Want.RENAME, r"(?:change|correct|edit)\s+(?P<what>.+?)\s+(?:to|into)\s+(?P<target>.+)"),
    (Want.REOPEN, r"(?:re-?open|uncheck|untick|restore|undo)\s+(?P<what>.+)"),
    (
        Want.REOPEN,
        r"mark\s+(?P<what>.+?)\s+(?:as\s+)?(?:not (?:yet )?(?:done|finished|completed?)|undone|open|pending|todo)",
    ),
    (
        Want.REOPEN,
        rf"(?P<what>.+?)\s+(?:is not|isn't|are not|aren't|was not|wasn't)\s+(?:yet\s+)?{_FINISHED}(?: yet)?",
    ),
    (
        Want.FINISH,
        rf"(?:mark|set|tick|check|cross)\s+(?:off\s+)?(?P<what>.+?)\s+(?:off|(?:(?:as|to|is|are)\s+)?{_FINISHED})",
    ),
    (
        Want.FINISH,
        (
            r"(?:i(?:'m| am|'ve| have)?\s+)?(?:already\s+|just\s+|now\s+)?(?:done|finished|completed?|through|"
            r"ready)\s+(?:with\s+|doing\s+)?(?P<what>.+)"
        ),
    ),
    (Want.FINISH, r"(?:complete|finish|tick off|check off|cross off|tick|close|resolve)\s+(?P<what>.+)"),
    (
        Want.FINISH,
        (
            r"i(?:'ve| have)?\s+(?:just\s+|already\s+)?(?:did|done|bought|paid|sent|called|fixed|cleaned|washed)\s+"
            r"(?P<what>.+)"
        ),
    ),
    (
        Want.FINISH,
        (
            r"(?P<what>(?!what|which|how|is|are)\S.*?)\s+(?:is|are|was|has been|have been|:)\s+(?:already\s+|"
            rf"now\s+)?{_FINISHED}"
        ),
    ),
    (
        Want.BEGIN,
        (
            r"(?:i(?:'m| am|'ve| have)?\s+)?(?:now\s+|just\s+)?(?:start(?:ed|ing)?|begin(?:ning)?|working|"
            r"began)\s+(?:working\s+)?(?:on\s+|with\s+)?(?P<what>.+)"
        ),
    ),
    (
        Want.DELETE,
        (
            r"(?:delete|remove|cancel|drop|erase|scrap|forget(?: about)?|get rid of|clear|throw (?:away|"
            r"out))\s+(?P<what>.+)"
        ),
    ),
    (
        Want.CREATE,
        (
            r"(?:add|create|make|put|write down|note(?: down)?|set(?: up)?|enter|save|jot down|"
            rf"new)\s+(?:me\s+)?(?:an?\s+|another\s+|the\s+)?(?:new\s+)?(?:{_LEVEL}\s+)?(?:todo|to-?\s?do|task|reminder|"
            r"item|entry|note)(?:\s+(?:item|entry))?\b\s*(?:[:,-]|(?:for\s+me\s+to|for|to|called|named|titled|about|"
            r"that says|saying|with the title|of)\b)?\s*(?P<what>.*)"
        ),
    ),
    (Want.CREATE, r"(?:todo|to-?\s?do|task|reminder|note)\s*[:\-]\s*(?P<what>.+)"),
    (
        Want.CREATE,
        (
            r"(?:remind me|don't let me forget|do not let me forget|don't forget|do not forget|"
            r"remember)(?:\s+(?P<what>.+))?"
        ),
    ),
    (
        Want.CREATE,
        (
            r"(?:put|add|write|place)\s+(?P<what>.+?)\s+(?:on|to|onto|in|into)\s+(?:my|the)\s+(?:\w+\s+)?"
            r"(?:todos?|tasks?|list|agenda|schedule|calendar)(?P<rest>\b.*)"
        ),
    ),
    (Want.CREATE, r"(?:add|create|new|note(?: down)?|jot down|write down)(?:\s+(?P<what>.+))?"),
    (
        Want.ANALYZE,
        (
            rf"(?:analy[sz]e|review|check|optimi[sz]e|assess|summari[sz]e|look at)\s+{_MINE}(?P<what>.*\b(?:{_LISTING}|"
            r"time|workload|conflicts?|overlaps?)\b.*|.*)"
        ),
    ),
    (Want.ANALYZE, r"how\s+(?:busy|full|packed|free)\b(?P<what>.*)"),
    (Want.ANALYZE, r"do i have\s+(?:any\s+|some\s+)?time\b(?P<what>.*)"),
    (Want.ANALYZE, r"(?:when\s+)?am i\s+(?:free|busy|available)\b(?P<what>.*)"),
    (
        Want.ANALYZE,
        (
            r"(?:do i have|have i got|are there|is there|any|find|show me|show|when do i have|when is there|"
            r"what)\b(?P<what>.*\b(?:free|conflicts?|overlaps?|clash\w*|spare|open slots?)\b.*?)(?:\s*(?:time|slots?|"
            r"hours?))?(?P<rest>\b.*)"
        ),
    ),
    (Want.SCHEDULE, r"(?:schedule|book|plan|block(?: out)?|arrange|fit in|reserve)\s+(?P<what>.+)"),
    (
        Want.SCHEDULE,
        (
            r"(?:find|make)\s+(?:me\s+)?(?:an?\s+|some\s+|the\s+)?(?:free\s+|good\s+|next\s+)?(?P<unit>time|slot|hour|"
            r"half hour|space)\s+(?:for|to)\s+(?P<what>.+)"
        ),
    ),
    (Want.SCHEDULE, r"find\s+(?P<what>.+?\s+(?:minutes?|hours?|min)\s+(?:for|to)\s+.+)"),
    (
        Want.LIST,
        (
            r"(?:(?:what(?:'s|s| is| are)?|which|show|list|display|see|view|give|tell|read|get|how "
            rf"many)\b.*?)(?P<what>\b{_LISTING}\b.*)"
        ),
    ),
    (
        Want.LIST,
        (
            r"(?:what(?:'s|s| is| are| was| were)?|anything|something)\s+(?:is\s+|are\s+)?"
            r"(?P<what>(?:on|up|due|left|open|planned|"
            r"next|coming|still|happening|going|to do|there|pending|done|completed|finished|scheduled|important|urgent|"
            r"tomorrow|today|for)\b.*)"
        ),
    ),
    (Want.LIST, r"what (?:do|must|should|have|did|am|shall|can|will) i\b(?P<what>.*)"),
    (Want.LIST, r"(?:do i have|have i got|is there|are there|got)\s+(?:any|some|anything|something)(?P<what>.*)"),
    (
        Want.LIST,
        rf"(?:(?:all|my|the|today's|tomorrow's|open|finished|completed|done|pending)\s+)*{_LISTING}(?P<what>\b.*)?",
    ),
    (Want.LIST, r"(?:list|show)(?: me)?\s+(?P<what>.+)"),
    (
        Want.SEARCH,
        (
            r"(?:find|search(?: for)?|look (?:for|up)|where(?:'s| is)|when(?:'s| is| are| was)|what time (?:is|are)|at "
            r"what time is)\s+(?P<what>.+)"
        ),
    ),
    (Want.SEARCH, r"(?:do i have|have i got|is there)\s+(?:an?|my)\s+(?P<what>.+)"),
    (
        Want.CREATE,
        r"(?:i(?:'ve| have)? (?:need|have|must|should|ought|got|gotta)(?: got)?(?: to)?|i gotta)\s+(?P<what>.+)",
    ),
)

PHRASES = tuple((want, re.compile(rf"(?:{pattern})", re.IGNORECASE | re.DOTALL)) for want, pattern in _RULES)
