# Generated from openapi.yaml and codegen/overlay.yaml by `nox -s generate`.
# Do not edit: the next run replaces this file.
from __future__ import annotations

import datetime
from collections.abc import Mapping
from typing import Any, TypeVar, cast

from attrs import define as _attrs_define
from attrs import field as _attrs_field

from ..types import UNSET, Unset

T = TypeVar("T", bound="Customer")


@_attrs_define
class Customer:
    """
    Attributes:
        name (str):
        email (str):
        id (int | Unset):
        owner_id (int | None | Unset):
        user_id (int | None | Unset):
        owner_name (None | str | Unset):
        address (None | str | Unset):
        phone (None | str | Unset):
        member_id (None | str | Unset):
        has_payment_requests (bool | None | Unset):
        total_deposits (float | None | Unset):
        create_date (datetime.datetime | None | Unset):
    """

    name: str
    email: str
    id: int | Unset = UNSET
    owner_id: int | None | Unset = UNSET
    user_id: int | None | Unset = UNSET
    owner_name: None | str | Unset = UNSET
    address: None | str | Unset = UNSET
    phone: None | str | Unset = UNSET
    member_id: None | str | Unset = UNSET
    has_payment_requests: bool | None | Unset = UNSET
    total_deposits: float | None | Unset = UNSET
    create_date: datetime.datetime | None | Unset = UNSET
    additional_properties: dict[str, Any] = _attrs_field(init=False, factory=dict)

    def to_dict(self) -> dict[str, Any]:
        name = self.name

        email = self.email

        id = self.id

        owner_id: int | None | Unset
        if isinstance(self.owner_id, Unset):
            owner_id = UNSET
        else:
            owner_id = self.owner_id

        user_id: int | None | Unset
        if isinstance(self.user_id, Unset):
            user_id = UNSET
        else:
            user_id = self.user_id

        owner_name: None | str | Unset
        if isinstance(self.owner_name, Unset):
            owner_name = UNSET
        else:
            owner_name = self.owner_name

        address: None | str | Unset
        if isinstance(self.address, Unset):
            address = UNSET
        else:
            address = self.address

        phone: None | str | Unset
        if isinstance(self.phone, Unset):
            phone = UNSET
        else:
            phone = self.phone

        member_id: None | str | Unset
        if isinstance(self.member_id, Unset):
            member_id = UNSET
        else:
            member_id = self.member_id

        has_payment_requests: bool | None | Unset
        if isinstance(self.has_payment_requests, Unset):
            has_payment_requests = UNSET
        else:
            has_payment_requests = self.has_payment_requests

        total_deposits: float | None | Unset
        if isinstance(self.total_deposits, Unset):
            total_deposits = UNSET
        else:
            total_deposits = self.total_deposits

        create_date: None | str | Unset
        if isinstance(self.create_date, Unset):
            create_date = UNSET
        elif isinstance(self.create_date, datetime.datetime):
            create_date = self.create_date.isoformat()
        else:
            create_date = self.create_date

        field_dict: dict[str, Any] = {}
        field_dict.update(self.additional_properties)
        field_dict.update(
            {
                "name": name,
                "email": email,
            }
        )
        if id is not UNSET:
            field_dict["id"] = id
        if owner_id is not UNSET:
            field_dict["ownerId"] = owner_id
        if user_id is not UNSET:
            field_dict["userId"] = user_id
        if owner_name is not UNSET:
            field_dict["ownerName"] = owner_name
        if address is not UNSET:
            field_dict["address"] = address
        if phone is not UNSET:
            field_dict["phone"] = phone
        if member_id is not UNSET:
            field_dict["memberId"] = member_id
        if has_payment_requests is not UNSET:
            field_dict["hasPaymentRequests"] = has_payment_requests
        if total_deposits is not UNSET:
            field_dict["totalDeposits"] = total_deposits
        if create_date is not UNSET:
            field_dict["createDate"] = create_date

        return field_dict

    @classmethod
    def from_dict(cls: type[T], src_dict: Mapping[str, Any]) -> T:
        d = dict(src_dict)
        name = d.pop("name")

        email = d.pop("email")

        id = d.pop("id", UNSET)

        def _parse_owner_id(data: object) -> int | None | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(int | None | Unset, data)

        owner_id = _parse_owner_id(d.pop("ownerId", UNSET))

        def _parse_user_id(data: object) -> int | None | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(int | None | Unset, data)

        user_id = _parse_user_id(d.pop("userId", UNSET))

        def _parse_owner_name(data: object) -> None | str | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(None | str | Unset, data)

        owner_name = _parse_owner_name(d.pop("ownerName", UNSET))

        def _parse_address(data: object) -> None | str | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(None | str | Unset, data)

        address = _parse_address(d.pop("address", UNSET))

        def _parse_phone(data: object) -> None | str | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(None | str | Unset, data)

        phone = _parse_phone(d.pop("phone", UNSET))

        def _parse_member_id(data: object) -> None | str | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(None | str | Unset, data)

        member_id = _parse_member_id(d.pop("memberId", UNSET))

        def _parse_has_payment_requests(data: object) -> bool | None | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(bool | None | Unset, data)

        has_payment_requests = _parse_has_payment_requests(
            d.pop("hasPaymentRequests", UNSET)
        )

        def _parse_total_deposits(data: object) -> float | None | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            return cast(float | None | Unset, data)

        total_deposits = _parse_total_deposits(d.pop("totalDeposits", UNSET))

        def _parse_create_date(data: object) -> datetime.datetime | None | Unset:
            if data is None:
                return data
            if isinstance(data, Unset):
                return data
            try:
                if not isinstance(data, str):
                    raise TypeError()
                create_date_type_0 = datetime.datetime.fromisoformat(data)

                return create_date_type_0
            except (TypeError, ValueError, AttributeError, KeyError):
                pass
            return cast(datetime.datetime | None | Unset, data)

        create_date = _parse_create_date(d.pop("createDate", UNSET))

        customer = cls(
            name=name,
            email=email,
            id=id,
            owner_id=owner_id,
            user_id=user_id,
            owner_name=owner_name,
            address=address,
            phone=phone,
            member_id=member_id,
            has_payment_requests=has_payment_requests,
            total_deposits=total_deposits,
            create_date=create_date,
        )

        customer.additional_properties = d
        return customer

    @property
    def additional_keys(self) -> list[str]:
        return list(self.additional_properties.keys())

    def __getitem__(self, key: str) -> Any:
        return self.additional_properties[key]

    def __setitem__(self, key: str, value: Any) -> None:
        self.additional_properties[key] = value

    def __delitem__(self, key: str) -> None:
        del self.additional_properties[key]

    def __contains__(self, key: str) -> bool:
        return key in self.additional_properties
