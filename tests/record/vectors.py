"""Texts that are JSON, texts that are none, and texts that RFC 8259 leaves to the reader.

The categories are those of JSONTestSuite (https://github.com/nst/JSONTestSuite), the vectors our
own. Each stands as the value of a member of a record, or is the whole of an answer.
"""

from __future__ import annotations

from itertools import product

#: Every reader has to take them.
VALID = [
    *("null", "true", "false", "0", "-0", "1", "-1", "10", "123456789012345678901234567890"),
    *("0.0", "-0.0", "1.5", "100.00", "0.1e1", "1E5", "1e+5", "1e-5", "1.5E-10", "0e0", "0e+1"),
    *("1E400", "-1E400", "1e-400", "5e-324", "1.7976931348623157e308", "9007199254740993"),
    *('""', '"a"', '" "', r'"\""', r'"\\"', r'"\/"', r'"\b\f\n\r\t"', r'"\u0061"', r'"\u00e9"'),
    *(r'"\u0000"', r'"\u001f"', r'"\uFFFF"', r'"\ud83d\ude00"', r'"\uD83D\uDE00"', '"é"', '"😀"'),
    *('"\u2028\u2029"', '"\x7f"', '"\ufeff"', '"\ufffe"', '"/"', '"\'"', '"//"', '"/**/"'),
    *("[]", "[ ]", "[1]", "[1,2]", "[[]]", "[[[[]]]]", '["a",null,true,1]', "[ 1 , 2 ]", "[\n]"),
    *("{}", "{ }", '{"a":1}', '{"a":{"b":{}}}', '{"":0}', r'{"\u0061":1}', '{"a":1,"b":2}'),
    *('{"a":[]}', '{"a b":1}', '{"__proto__":1}', '{"constructor":1}', '{"A":1,"a":2}', "\t1\r\n "),
]
#: No reader may take them.
INVALID = [
    *("", " ", "nul", "tru", "TRUE", "None", "undefined", "NaN", "-NaN", "Infinity", "-Infinity"),
    *("inf", "+1", "01", "-01", "00", "-", "--1", "-a", "1.", ".5", "-.5", "1.e1", "1e", "1e+", "1E"),
    *("0x1", "0b1", "0o7", "1_000", "1 000", "1a", "0.1.2", "1e1.5", "١", "½", "1,000", "1e5e5", "０"),
    *('"', '"a', 'a"', "'a'", '"\\"', r'"\a"', r'"\x41"', r'"\u"', r'"\u00"', r'"\u00g0"', r'"\U0041"'),
    *('"\n"', '"\t"', '"\x00"', '"\x1f"', "`a`", '"a" "b"', '"a"b', r"\u0022a\u0022", '"\\\n"'),
    *("[", "]", "[1", "1]", "[,]", "[1,]", "[,1]", "[1,,2]", "[1 2]", "[1:2]", "[a]", "[1;2]", "(1)"),
    *("{", "}", "{a:1}", "{'a':1}", "{1:1}", '{"a"}', '{"a":}', '{"a":1,}', '{,"a":1}', '{"a" 1}'),
    *('{"a":1 "b":2}', '{"a"::1}', '{"a":1,,}', '{"a","b"}', '{null:1}', '{"a":1', '"a":1', "{{}}"),
    *("[}", "{]", '[1}', '{"a":1]', "1 2", "[] []", "{} {}", "// a\n1", "/* a */ 1", "# a\n1", "1 // a"),
    *("\u00a01", "1\u00a0", "\u20281", "\x0c1", "\x0b1", "[1\x00]", "<null>", "*", "&a", "!!str a"),
]  # fmt: skip
#: A reader may take them, or not; whoever does must give them back as they are.
LEFT_TO_THE_READER = [
    *(r'"\ud800"', r'"\udfff"', r'"\ud800\ud800"', r'"\ude00\ud83d"', r'{"\ud800":1}'),
    *("1E9999999999999999999", "-1E9999999999999999999", "9" * 5000, "0." + "1" * 5000),
    *('{"a":1,"a":2}', '{"a":1,"a":1}', r'{"a":1,"\u0061":2}'),
    *("[" * 99 + "]" * 99, "[" * 100 + "]" * 100, "[" * 600 + "]" * 600, '{"a":' * 200 + "1" + "}" * 200),
]  # fmt: skip
#: Bytes that are no UTF-8, or more than UTF-8, around a record.
ENCODED = [
    record.decode().encode(encoding)
    for record, encoding in product(
        [b'{"id":7,"name":"A","email":"a@b.c"}'], ["utf-16", "utf-16-le", "utf-16-be", "utf-32"]
    )
] + [
    b'{"id":7,"name":"A","email":"a@b.c","x":"\xff"}',
    b'{"id":7,"name":"A","email":"a@b.c","x":"\xc0\x80"}',
    b'{"id":7,"name":"A","email":"a@b.c","x":"\xed\xa0\x80"}',
    b'{"id":7,"name":"A","email":"a@b.c","x":"\xf4\x90\x80\x80"}',
    b'{"id":7,"name":"A","email":"a@b.c","x":"\xe2\x82"}',
]
