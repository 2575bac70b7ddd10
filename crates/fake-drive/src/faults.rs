//! What shall go wrong, and when: plans that wait for a request, and are used up.

use serde::{Deserialize, Serialize};

/// The request lines that contain `on` go wrong: not the first `skip`, then `times` of them.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Plan {
    pub on: String,
    #[serde(default)]
    pub skip: u32,
    #[serde(default = "once")]
    pub times: u32,
    #[serde(rename = "do")]
    pub act: Act,
}

fn once() -> u32 {
    1
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "act", rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum Act {
    /// Answers so. `done`: and does, unseen, what was asked for.
    Status {
        status: u16,
        #[serde(default)]
        reason: String,
        #[serde(default)]
        retry_after: Option<u32>,
        #[serde(default)]
        done: bool,
    },
    /// Takes so many bytes of the body, then the connection is gone. What came before is kept, as the service keeps it.
    Cut {
        after: u64,
    },
    /// Does what was asked for, and the connection is gone before the answer.
    CutAnswer,
    /// The page of a captive portal.
    Portal,
    /// Bytes that are nothing.
    Garbage,
    /// Keeps at most so many bytes of this part of an upload, and says so.
    Persist {
        bytes: u64,
    },
    /// Forgets what it has of a resumable upload, and answers 308 without `Range`.
    HideRange,
    /// The upload's session is not known any more.
    ExpireSession {
        status: u16,
    },
    /// What is reported of the object is not so.
    LieChecksum,
    LieSize,
    /// So many bytes of the answer come, then the connection is gone.
    CutShort {
        bytes: usize,
    },
    /// One bit of the answer is another.
    Flip,
    /// The answer's `Range` is ignored: everything comes.
    IgnoreRange,
    /// The error repeats what was sent to it, credentials too.
    Echo,
}

impl Plan {
    pub fn new(on: &str, act: Act) -> Plan {
        Plan { on: on.into(), skip: 0, times: 1, act }
    }

    pub fn after(self, skip: u32) -> Plan {
        Plan { skip, ..self }
    }

    pub fn times(self, times: u32) -> Plan {
        Plan { times, ..self }
    }
}

impl Act {
    /// An error of Drive's.
    pub fn refuse(status: u16, reason: &str) -> Act {
        Act::Status { status, reason: reason.into(), retry_after: None, done: false }
    }
}

/// What happens to this request; counts it.
pub fn due(plans: &mut Vec<Plan>, line: &str) -> Option<Act> {
    for plan in plans.iter_mut().filter(|plan| plan.times > 0 && line.contains(&plan.on)) {
        if plan.skip > 0 {
            plan.skip -= 1;
            continue;
        }
        plan.times -= 1;
        let act = plan.act.clone();
        plans.retain(|plan| plan.times > 0);
        return Some(act);
    }
    None
}
