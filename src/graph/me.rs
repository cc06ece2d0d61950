//! The account behind a token: asked once, when a mailbox is connected.

use reqwest::Method;

use super::error::GraphError;
use super::links::Target;
use super::prefer::Prefer;
use super::tokens::AccessToken;
use super::transport::Graph;
use super::wire::MeObject;

impl Graph {
    /// Who the token belongs to.
    pub async fn me(&self, token: &AccessToken) -> Result<MeObject, GraphError> {
        let target = Target::from("/me?$select=id,userPrincipalName,mail,displayName");
        let call = self.call(Method::GET, &target, Prefer::IDS)?;
        let answer = self.execute(&call, token, None).await;
        self.count(1, 0);
        answer?.json()
    }
}
