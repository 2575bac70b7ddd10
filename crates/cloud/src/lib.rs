//! Google Drive and S3 as stores of the engine ([`lifeboat_engine::store`]). Only the executable links them: the addon loads no
//! TLS and no runtime.
