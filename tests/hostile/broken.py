from defs import EVIL, EvilError

raise EvilError(EVIL)
