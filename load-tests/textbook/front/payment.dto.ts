import { Type } from "class-transformer";
import {
  IsDefined,
  IsEmail,
  IsInt,
  IsIP,
  IsISO4217CurrencyCode,
  IsISO31661Alpha2,
  IsNumber,
  IsOptional,
  IsRFC3339,
  IsString,
  Length,
  Matches,
  Max,
  Min,
  ValidateNested,
} from "class-validator";

/** The body of a payment, as https://docs.nestjs.com/techniques/validation describes it: a class with decorators. */

const IDENTIFIER = /^[A-Za-z0-9._:-]{1,64}$/;
const AMOUNT_MINOR_MAX = 1_000_000_000_000;

export class CardDto {
  @IsOptional()
  @Matches(/^\d{12,19}$/)
  number?: string;

  @IsOptional()
  @Matches(/^ct_[0-9a-f]{32}$/)
  token?: string;
}

export class AmountDto {
  @IsInt()
  @Min(0)
  @Max(AMOUNT_MINOR_MAX)
  minor = 0;

  @IsISO4217CurrencyCode()
  currency = "";
}

export class LocationDto {
  @IsNumber()
  @Min(-90)
  @Max(90)
  latitude = 0;

  @IsNumber()
  @Min(-180)
  @Max(180)
  longitude = 0;
}

export class PaymentDto {
  @Matches(IDENTIFIER)
  transaction_id = "";

  @IsDefined()
  @ValidateNested()
  @Type(() => CardDto)
  card: CardDto = new CardDto();

  @Matches(IDENTIFIER)
  terminal_id = "";

  @IsDefined()
  @ValidateNested()
  @Type(() => AmountDto)
  amount: AmountDto = new AmountDto();

  @IsRFC3339()
  occurred_at = "";

  @IsOptional()
  @IsString()
  @Length(1, 128)
  device_id?: string;

  @IsOptional()
  @IsIP()
  ip_address?: string;

  @IsOptional()
  @IsISO31661Alpha2()
  ip_country?: string;

  @IsOptional()
  @IsISO31661Alpha2()
  card_country?: string;

  @IsOptional()
  @IsISO31661Alpha2()
  merchant_country?: string;

  @IsOptional()
  @IsEmail()
  email?: string;

  @IsOptional()
  @ValidateNested()
  @Type(() => LocationDto)
  location?: LocationDto;
}
