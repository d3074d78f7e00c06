CREATE TABLE `api_key` (
	`id` text PRIMARY KEY NOT NULL,
	`tenant` text NOT NULL,
	`name` text NOT NULL,
	`hash` text NOT NULL,
	`scopes` text NOT NULL,
	`limits` text,
	`expires_at` integer,
	`revoked_at` integer,
	`created_at` integer NOT NULL
);
--> statement-breakpoint
CREATE INDEX `api_key_tenant` ON `api_key` (`tenant`);--> statement-breakpoint
CREATE TABLE `idempotency_key` (
	`owner` text NOT NULL,
	`key` text NOT NULL,
	`request_hash` text NOT NULL,
	`status` integer NOT NULL,
	`response` text NOT NULL,
	`created_at` integer NOT NULL,
	PRIMARY KEY(`owner`, `key`)
);
--> statement-breakpoint
CREATE TABLE `ledger_entry` (
	`transaction` text NOT NULL,
	`account` text NOT NULL,
	`amount` integer NOT NULL,
	PRIMARY KEY(`transaction`, `account`)
);
--> statement-breakpoint
CREATE TABLE `ledger_transaction` (
	`id` text PRIMARY KEY NOT NULL,
	`tenant` text NOT NULL,
	`kind` text NOT NULL,
	`currency` text NOT NULL,
	`amount` integer NOT NULL,
	`reference` text NOT NULL,
	`created_at` integer NOT NULL
);
--> statement-breakpoint
CREATE INDEX `ledger_transaction_tenant` ON `ledger_transaction` (`tenant`,`created_at`);--> statement-breakpoint
CREATE TABLE `rated_usage` (
	`tenant` text NOT NULL,
	`month` text NOT NULL,
	`price_version` text NOT NULL,
	`requests` integer NOT NULL,
	`input` integer NOT NULL,
	`cached_input` integer NOT NULL,
	`cache_write` integer NOT NULL,
	`output` integer NOT NULL,
	`reasoning` integer NOT NULL,
	`audio` integer NOT NULL,
	`image` integer NOT NULL,
	PRIMARY KEY(`tenant`, `month`, `price_version`)
);
--> statement-breakpoint
CREATE TABLE `tenant` (
	`id` text PRIMARY KEY NOT NULL,
	`name` text NOT NULL,
	`durability` text NOT NULL,
	`created_at` integer NOT NULL
);
--> statement-breakpoint
CREATE TABLE `wallet` (
	`tenant` text PRIMARY KEY NOT NULL,
	`currency` text NOT NULL,
	`available` integer DEFAULT 0 NOT NULL,
	`held` integer DEFAULT 0 NOT NULL,
	`spent` integer DEFAULT 0 NOT NULL,
	`remainder_picos` integer DEFAULT 0 NOT NULL,
	CONSTRAINT "wallet_never_negative" CHECK("wallet"."available" >= 0 AND "wallet"."held" >= 0),
	CONSTRAINT "wallet_within_64_bits" CHECK("wallet"."available" + "wallet"."held" + "wallet"."spent" <= 9000000000000000000)
);
--> statement-breakpoint
CREATE TABLE `deployment` (
	`id` text PRIMARY KEY NOT NULL,
	`tenant` text NOT NULL,
	`model` text NOT NULL,
	`provider` text NOT NULL,
	`base_url` text,
	`credential_sealed` text,
	`upstream_model` text NOT NULL,
	`max_output_tokens` integer NOT NULL,
	`region` text NOT NULL,
	`stores_in` text NOT NULL,
	`logs_in` text,
	`retention_days` integer,
	`trains_on_content` text NOT NULL,
	`subprocessor` text,
	`transfer` text,
	`price_version` text NOT NULL,
	`weight` integer NOT NULL,
	`created_at` integer NOT NULL
);
--> statement-breakpoint
CREATE INDEX `deployment_tenant` ON `deployment` (`tenant`,`model`);--> statement-breakpoint
CREATE TABLE `model` (
	`tenant` text NOT NULL,
	`id` text NOT NULL,
	`name` text NOT NULL,
	`created_at` integer NOT NULL,
	PRIMARY KEY(`tenant`, `id`)
);
--> statement-breakpoint
CREATE TABLE `price_version` (
	`id` text PRIMARY KEY NOT NULL,
	`tenant` text NOT NULL,
	`deployment` text NOT NULL,
	`model` text NOT NULL,
	`region` text NOT NULL,
	`price` text NOT NULL,
	`cost` text NOT NULL,
	`created_at` integer NOT NULL
);
--> statement-breakpoint
CREATE TABLE `meter_flush` (
	`tenant` text NOT NULL,
	`flush` integer NOT NULL,
	`flushed_at` integer NOT NULL,
	PRIMARY KEY(`tenant`, `flush`)
);
--> statement-breakpoint
CREATE TABLE `usage_rollup` (
	`tenant` text NOT NULL,
	`minute` integer NOT NULL,
	`model` text NOT NULL,
	`deployment` text NOT NULL,
	`region` text NOT NULL,
	`purpose` text NOT NULL,
	`price_version` text NOT NULL,
	`requests` integer NOT NULL,
	`input` integer NOT NULL,
	`cached_input` integer NOT NULL,
	`cache_write` integer NOT NULL,
	`output` integer NOT NULL,
	`reasoning` integer NOT NULL,
	`audio` integer NOT NULL,
	`image` integer NOT NULL,
	PRIMARY KEY(`tenant`, `minute`, `model`, `deployment`, `region`, `purpose`, `price_version`)
);
--> statement-breakpoint
CREATE TABLE `dead_letter` (
	`id` text PRIMARY KEY NOT NULL,
	`worker` text NOT NULL,
	`message_id` text,
	`body` text NOT NULL,
	`reason` text NOT NULL,
	`received_at` integer NOT NULL,
	`replayed_at` integer,
	`replays` integer DEFAULT 0 NOT NULL
);
--> statement-breakpoint
CREATE INDEX `dead_letter_message` ON `dead_letter` (`worker`,`message_id`);--> statement-breakpoint
CREATE TABLE `inbox` (
	`worker` text NOT NULL,
	`message_id` text NOT NULL,
	`seen_at` integer NOT NULL,
	PRIMARY KEY(`worker`, `message_id`)
);
--> statement-breakpoint
CREATE TABLE `outbox` (
	`id` text PRIMARY KEY NOT NULL,
	`worker` text NOT NULL,
	`subscribers` text NOT NULL,
	`body` text NOT NULL,
	`created_at` integer NOT NULL,
	`sent_at` integer
);
--> statement-breakpoint
CREATE INDEX `outbox_due` ON `outbox` (`worker`,`sent_at`);--> statement-breakpoint
CREATE TABLE `consent_record` (
	`id` text PRIMARY KEY NOT NULL,
	`tenant` text NOT NULL,
	`subject` text NOT NULL,
	`purpose` text NOT NULL,
	`decision` text NOT NULL,
	`notice` text,
	`notice_version` integer,
	`provenance` text NOT NULL,
	`valid_until` integer,
	`recorded_at` integer NOT NULL,
	`sequence` integer NOT NULL
);
--> statement-breakpoint
CREATE INDEX `consent_record_subject` ON `consent_record` (`tenant`,`subject`,`purpose`,`sequence`);--> statement-breakpoint
CREATE UNIQUE INDEX `consent_record_sequence` ON `consent_record` (`tenant`,`sequence`);--> statement-breakpoint
CREATE TABLE `notice` (
	`tenant` text NOT NULL,
	`hash` text NOT NULL,
	`language` text NOT NULL,
	`text` text NOT NULL,
	`purposes` text NOT NULL,
	`change` text NOT NULL,
	`version` integer NOT NULL,
	`published_at` integer NOT NULL,
	PRIMARY KEY(`tenant`, `hash`)
);
--> statement-breakpoint
CREATE UNIQUE INDEX `notice_version` ON `notice` (`tenant`,`version`);--> statement-breakpoint
CREATE TABLE `privacy_policy` (
	`tenant` text PRIMARY KEY NOT NULL,
	`residency` text,
	`policy` text,
	`version` integer NOT NULL,
	`updated_at` integer NOT NULL
);
--> statement-breakpoint
CREATE TABLE `purpose` (
	`tenant` text NOT NULL,
	`id` text NOT NULL,
	`body` text NOT NULL,
	`updated_at` integer NOT NULL,
	PRIMARY KEY(`tenant`, `id`)
);
--> statement-breakpoint
CREATE TABLE `subject` (
	`id` text PRIMARY KEY NOT NULL,
	`tenant` text NOT NULL,
	`reference_index` text NOT NULL,
	`reference_sealed` text NOT NULL,
	`created_at` integer NOT NULL
);
--> statement-breakpoint
CREATE UNIQUE INDEX `subject_reference` ON `subject` (`tenant`,`reference_index`);