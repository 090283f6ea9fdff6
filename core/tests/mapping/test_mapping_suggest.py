import pytest

from renkei.mapping import Mapping, check, load_values, read_action, renderer, suggest
from renkei.mapping.names import fold, fold_name
from renkei.samples import sample_actions
from renkei.spec import FieldType

T = FieldType


def suggested(source, form):
    return {suggestion.rule.target: suggestion.rule.source for suggestion in suggest(source, form)}


def test_a_japanese_form_is_mapped_as_a_person_would(source, sample_form):
    assert suggested(source, sample_form) == {
        "キー": "delivery.key",
        "件名": "message.subject",
        "本文": "message.body_text",
        "本文HTML": "message.body_html",
        "チャネル": "action.channel",
        "種別": "action.kind",
        "対応日時": "action.occurred_at",
        "担当者": "ticket.assignee_name",
        "お客様名": "customer.name",
        "会社名": "customer.company",
        "メールアドレス": "customer.email",
        "電話番号": "customer.phone",
        "宛先": "message.to_addresses",
        "チケットID": "ticket.id",
        "チケットURL": "ticket.url",
        "対応状況": "ticket.status",
        "ラベル": "ticket.labels",
        "応対時間": "memo.duration_min",
    }


def test_what_is_suggested_passes_the_check(source, sample_form):
    mapping = Mapping(rules=tuple(suggestion.rule for suggestion in suggest(source, sample_form)))

    assert check(mapping, source, sample_form, uniqueness="atomic").errors == ()


def test_sample_actions_render_with_what_is_suggested(source, sample_form, start):
    mapping = Mapping(rules=tuple(suggestion.rule for suggestion in suggest(source, sample_form)))
    work = renderer(mapping, source, sample_form)

    for raw in sample_actions(240, inbox="support", start=start):
        rendered = work.render(load_values(read_action(raw, source).payload), key="k" * 40)
        assert rendered.problems == ()
        assert {"キー", "件名", "チャネル", "種別", "本文"} <= rendered.values.keys()


@pytest.mark.parametrize(
    ("label", "kind", "expected"),
    [
        ("タイトル", T.TEXT, "message.subject"),
        ("表題", T.TEXT, "message.subject"),
        ("Subject", T.TEXT, "message.subject"),
        ("ＳＵＢＪＥＣＴ", T.TEXT, "message.subject"),
        ("内容", T.LONG_TEXT, "message.body_text"),
        ("TEL", T.PHONE, "customer.phone"),
        ("ＴＥＬ", T.TEXT, "customer.phone"),
        ("ﾒｰﾙｱﾄﾞﾚｽ", T.EMAIL, "customer.email"),
        ("E-mail", T.EMAIL, "customer.email"),
        ("担当者", T.USERS, "ticket.assignee"),
        ("オペレーター", T.USER, "operator.user"),
        ("社名", T.TEXT, "customer.company"),
        ("氏名", T.TEXT, "customer.name"),
        ("ふりがな", T.TEXT, "customer.name_kana"),
        ("フリガナ", T.TEXT, "customer.name_kana"),
        ("対応日", T.DATE, "action.occurred_at"),
        ("タグ", T.CHOICES, "ticket.labels"),
        ("注文番号", T.TEXT, "shop.order_number"),
        ("ticket_id", T.TEXT, "ticket.id"),
    ],
)
def test_other_words_for_the_same_thing_are_understood(source, make_field, make_form, label, kind, expected):
    assert suggested(source, make_form(make_field(label, kind, "a", "b"))) == {label: expected}


@pytest.mark.parametrize("label", ["血液型", "数値", "文字列__1行_", "ドロップダウン", "○", "!"])
def test_names_that_say_nothing_get_no_suggestion(source, make_field, make_form, label):
    assert suggested(source, make_form(make_field(label))) == {}


def test_each_source_is_used_once_and_the_better_name_wins(source, make_field, make_form):
    form = make_form(make_field("メール件名"), make_field("件名"))

    assert suggested(source, form)["件名"] == "message.subject"
    assert list(suggested(source, form).values()).count("message.subject") == 1


def test_fields_that_cannot_be_written_or_converted_are_left_alone(source, make_field, make_form):
    form = make_form(make_field("件名", T.DATE), make_field("本文", writable=False))

    assert suggested(source, form) == {}


def test_the_key_goes_to_the_unique_field_that_speaks_of_a_key(source, make_field, make_form):
    form = make_form(make_field("チケットID", unique=True), make_field("連携キー", unique=True))

    assert suggested(source, form) == {"チケットID": "ticket.id", "連携キー": "delivery.key"}


def test_the_key_takes_any_unique_text_that_nothing_else_fits(source, make_field, make_form):
    form = make_form(make_field("件名", unique=True), make_field("文字列__1行_", unique=True))

    assert suggested(source, form) == {"件名": "message.subject", "文字列__1行_": "delivery.key"}


@pytest.mark.parametrize(
    "more",
    [{}, {"unique": True, "max_length": 39}, {"unique": True, "writable": False}, {"unique": True, "kind": T.NUMBER}],
)
def test_the_key_is_not_put_where_it_does_not_work(source, make_field, make_form, more):
    assert "delivery.key" not in suggested(source, make_form(make_field("連携キー", **more))).values()


def test_choices_of_another_name_get_a_value_table(source, make_field, make_form):
    form = make_form(make_field("対応状況", T.CHOICE, "未着手", "対応中", "完了", "不要", "ゴミ箱", "迷惑メール"))

    rule = suggest(source, form)[0].rule

    assert rule.choices["open"] == "未着手"
    assert rule.choices["ongoing"] == "対応中"
    assert rule.choices["closed"] == "完了"
    assert rule.other_choice == "reject"


def test_a_choice_field_about_something_else_gets_no_suggestion(source, make_field, make_form):
    assert suggested(source, make_form(make_field("ステータス", T.CHOICE, "金", "銀", "銅"))) == {}


def test_a_required_choice_falls_back_to_other(source, make_field, make_form):
    form = make_form(
        make_field("チャネル", T.CHOICE, "メール", "SMS", "LINE", "電話", "メモ", "チャット", "その他", required=True)
    )

    suggestions = suggest(source, form)

    for suggestion in suggestions:
        assert suggestion.rule.other_choice == "fallback"
        assert suggestion.rule.fallback == "その他"


def test_a_required_text_gets_words_for_nothing(source, make_field, make_form):
    assert suggest(source, make_form(make_field("件名", required=True)))[0].rule.fallback == "(件名なし)"
    assert suggest(source, make_form(make_field("件名", required=True, max_length=3)))[0].rule.fallback == "-"


def test_a_single_tick_box_is_ticked_by_yes(source, make_field, make_form):
    rule = suggest(source, make_form(make_field("自動送信", T.CHOICES, "自動")))[0].rule

    assert rule.choices == {"true": "自動", "false": None}


def test_confidence_tells_equal_names_from_similar_ones(source, make_field, make_form):
    same, synonym, part = (
        suggest(source, make_form(make_field(label)))[0] for label in ("件名", "タイトル", "お問い合わせ件名")
    )

    assert 1 >= same.confidence > synonym.confidence > part.confidence > 0
    assert "件名" in same.reason.ja
    assert "'Subject'" in same.reason.en


def test_equal_users_are_less_sure_than_equal_texts(source, make_field, make_form):
    user = suggest(source, make_form(make_field("担当者", T.USERS)))[0]
    text = suggest(source, make_form(make_field("担当者名")))[0]

    assert user.confidence < text.confidence


def test_folding_knows_width_case_and_kana():
    assert fold("ｶﾞ") == fold("が") == fold("ガ")
    assert fold_name("お客様名(ｶﾅ)") == fold_name("お客様名（カナ）")
    assert fold_name("E-Mail") == "email"
