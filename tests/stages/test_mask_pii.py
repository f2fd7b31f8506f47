import pyarrow as pa
import pytest
from pydantic import ValidationError

from tamis.pii.kinds import KINDS
from tamis.stages.mask_pii import MaskPii, together

COUNTS = [f"pii_{kind}" for kind in KINDS]


def batch(
    texts: list[str | None], text_type: pa.DataType | None = None
) -> pa.RecordBatch:
    return pa.RecordBatch.from_arrays(
        [
            pa.array(texts, text_type or pa.string()),
            pa.array(
                [None if text is None else len(text) for text in texts], pa.int32()
            ),
            pa.nulls(len(texts), pa.string()),
        ],
        ["text", "text_chars", "drop_reason"],
    )


def test_text_is_masked_measured_again_and_counted() -> None:
    masked = MaskPii().build()(
        batch(["é a@b.fr, c@d.fr et 81.2.69.142", "rien", "天 +33 1 99 00 12 34"])
    )
    assert masked["text"].to_pylist() == [
        "é <EMAIL>, <EMAIL> et <IP>",
        "rien",
        "天 <PHONE>",
    ]
    assert masked["text_chars"].to_pylist() == [26, 4, 9]
    assert masked["pii_email"].to_pylist() == [2, 0, 0]
    assert masked["pii_ip"].to_pylist() == [1, 0, 0]
    assert masked["pii_phone"].to_pylist() == [0, 0, 1]


def test_columns_are_the_declared_ones() -> None:
    config = MaskPii()
    for texts in ([], [None], ["a@b.fr"], ["x"]):
        masked = config.build()(batch(texts))
        written = masked.select(config.columns_written().names).schema
        assert written.equals(config.columns_written())
        assert masked.schema.names == ["text", "text_chars", "drop_reason", *COUNTS]


@pytest.mark.parametrize("text_type", [pa.string(), pa.large_string()])
def test_nulls_stay_null_and_slices_are_honoured(text_type: pa.DataType) -> None:
    whole = batch(["x@y.fr", None, "a@b.fr", "", None], text_type)
    masked = MaskPii().build()(whole.slice(1, 4))
    masked.validate(full=True)
    assert masked["text"].to_pylist() == [None, "<EMAIL>", "", None]
    assert masked["text"].type == text_type
    assert masked["text_chars"].to_pylist() == [None, 7, 0, None]
    assert masked["pii_email"].to_pylist() == [None, 1, 0, None]


def test_a_batch_without_personal_data_keeps_its_text_buffers() -> None:
    plain = batch(["Δεν υπάρχει τίποτα", "何もない"])
    masked = MaskPii().build()(plain)
    assert masked["text"].buffers()[2].address == plain["text"].buffers()[2].address


def test_placeholders_can_be_chosen_and_kinds_left_out() -> None:
    config = MaskPii(email="firstname@example.org", ip=None)
    masked = config.build()(batch(["me@there.fr at 81.2.69.142"]))
    assert masked["text"].to_pylist() == ["firstname@example.org at 81.2.69.142"]
    assert masked["pii_email"].to_pylist() == [1]
    assert masked["pii_ip"].to_pylist() == [None]  # nobody looked


def test_rows_come_out_the_same_however_they_are_batched() -> None:
    texts = [
        "a@b.fr",
        None,
        "+33 1 99 00 12 34",
        "x",
        "IBAN FR14 2004 1010 0505 0001 3M02 606",
    ]
    transform = MaskPii().build()
    together = transform(batch(texts)).to_pylist()
    alone = [transform(batch([text])).to_pylist()[0] for text in texts]
    assert together == alone


def test_the_same_text_with_its_structure_is_masked_too() -> None:
    text = "Пишите на anna@example.org, до встречи."
    columns = batch([text, None])
    marked = pa.array([f"# Заголовок\n\n- {text}", None], pa.string())
    result = MaskPii().build()(columns.append_column("markdown", marked))
    assert result["markdown"].to_pylist()[0] == (
        "# Заголовок\n\n- Пишите на <EMAIL>, до встречи."
    )
    assert result["markdown"][1].as_py() is None
    assert result["pii_email"].to_pylist() == [1, None]


@pytest.mark.parametrize("name", ["title", "markdown", "http_content_type"])
def test_every_other_text_of_a_stranger_is_masked_and_not_counted(name: str) -> None:
    others = [
        "пишите a@b.fr",
        None,
        "邮箱a@b.fr。",
        "اكتب إلى a@b.fr",
        "पता a@b.fr",
        "",
    ]
    given = batch(["x"] * len(others)).append_column(name, pa.array(others))
    masked = MaskPii().build()(given)
    assert masked[name].to_pylist() == [
        *(
            "пишите <EMAIL>",
            None,
            "邮箱<EMAIL>。",
            "اكتب إلى <EMAIL>",
            "पता <EMAIL>",
            "",
        )
    ]
    assert masked["pii_email"].to_pylist() == [0] * len(others)
    assert masked["text"].to_pylist() == ["x"] * len(others)
    left = MaskPii(email=None).build()(given)
    assert left[name].to_pylist() == others


def test_phone_numbers_of_a_country_are_masked_by_language_and_host() -> None:
    texts = ["Bureau : 01 99 00 12 34", "Büro: 030 23125123", "Bureau : 01 99 00 12 34"]
    given = batch(texts)
    about = {"language": ["fra", "deu", None], "host": ["a.fr", "b.com", "c.com"]}
    for name, values in about.items():
        given = given.append_column(name, pa.array(values, pa.string()))
    given = given.append_column("title", pa.array(texts))
    masked = MaskPii().build()(given)
    assert masked["text"].to_pylist() == ["Bureau : <PHONE>", "Büro: <PHONE>", texts[2]]
    assert masked["title"].to_pylist() == masked["text"].to_pylist()
    assert masked["pii_phone"].to_pylist() == [1, 1, 0]
    assert masked["pii_national_id"].to_pylist() == [None] * 3
    left = MaskPii(phone=None).build()(given)
    assert left["text"].to_pylist() == texts


def test_language_and_host_are_read_where_they_are() -> None:
    stage = MaskPii()
    assert stage.columns_needed({"text", "text_chars"}) == {"text", "text_chars"}
    assert stage.columns_needed({"text", "text_chars", "url", "host", "language"}) == {
        *("text", "text_chars", "host", "language")
    }


def test_ids_and_spelled_out_addresses_are_options() -> None:
    text = "PESEL 44051401359, CPF 111.444.777-35, jan (at) przyklad.pl"
    assert MaskPii().build()(batch([text]))["text"].to_pylist() == [text]
    some = MaskPii(national_ids=["pl_pesel"], national_id="[id]", obfuscated=True)
    masked = some.build()(batch([text]))
    assert masked["text"].to_pylist() == ["PESEL [id], CPF 111.444.777-35, <EMAIL>"]
    assert masked["pii_national_id"].to_pylist() == [1]
    assert masked["pii_email"].to_pylist() == [1]
    none = MaskPii(
        national_ids=["pl_pesel"], national_id=None, email=None, obfuscated=True
    )
    assert none.build()(batch([text]))["text"].to_pylist() == [text]


def test_an_id_of_no_known_name_is_refused() -> None:
    with pytest.raises(ValidationError, match="national_ids"):
        MaskPii(national_ids=["xx_none"])


def test_masks_of_several_stages_are_masked_together() -> None:
    first = MaskPii(ip=None, national_ids=["es_dni"]).masks
    second = MaskPii(email="[mail]", national_ids=["es_nie", "es_dni"], obfuscated=True)
    both = together([first, second.masks])
    assert both.placeholders["email"] == "[mail]"
    assert both.placeholders["ip"] == "<IP>"
    assert both.national_ids == ("es_dni", "es_nie")
    assert both.obfuscated
