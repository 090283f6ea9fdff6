"""Invented people: addresses end in reserved domains, numbers are all zeros but for their last digits."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Customer:
    """Somebody who writes to the shop."""

    number: int
    last_name: str
    first_name: str
    kana: str
    company: str
    department: str
    mailbox: str

    @property
    def name(self) -> str:
        return f"{self.last_name} {self.first_name}"

    @property
    def email(self) -> str:
        return f"{self.mailbox}@example.jp"

    @property
    def phone(self) -> str:
        return f"03-0000-{self.number:04d}"

    @property
    def mobile(self) -> str:
        return f"090-0000-{self.number:04d}"


@dataclass(frozen=True, slots=True)
class Operator:
    """Somebody who answers for the shop."""

    number: int
    user: str
    name: str
    department: str

    @property
    def email(self) -> str:
        return f"{self.user}@shop.example"


CUSTOMERS = (
    Customer(1, "見本", "太郎", "ミホン タロウ", "株式会社サンプル商事", "購買部", "taro.mihon"),
    Customer(2, "架空", "花子", "カクウ ハナコ", "架空物産株式会社", "総務部", "hanako.kaku"),
    Customer(3, "例示", "一郎", "レイジ イチロウ", "例示工業株式会社", "資材課", "ichiro.reiji"),
    Customer(4, "試作", "さくら", "シサク サクラ", "有限会社試作堂", "店長", "sakura.shisaku"),
    Customer(5, "仮名", "健", "カメイ ケン", "仮名製菓株式会社", "商品部", "ken.kamei"),
    Customer(6, "空想", "みどり", "クウソウ ミドリ", "合同会社空想デザイン", "制作部", "midori.kuso"),
    Customer(7, "𠮷田見本", "髙志", "ヨシダミホン タカシ", "𠮷田見本農園", "代表", "takashi.yoshida-mihon"),
    Customer(8, "Sample", "Alex", "サンプル アレックス", "Example Trading Ltd.", "Import", "alex.sample"),
)

OPERATORS = (
    Operator(1, "suzuki", "鈴木 見本", "カスタマーサポート部"),
    Operator(2, "sato", "佐藤 例子", "カスタマーサポート部"),
    Operator(3, "tanaka", "田中 仮也", "営業部"),
)
