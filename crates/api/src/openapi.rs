//! The OpenAPI document, made from the handlers.

use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::openapi::{
    ContentBuilder, Info, OpenApi, PathItem, Ref, RefOr, ResponseBuilder, ResponsesBuilder,
    SecurityRequirement,
};
use utoipa::{PartialSchema, ToSchema};

use crate::routes;
use crate::schema::{DocumentProblem, ErrorBody};

/// The OpenAPI 3.1 document of the API.
pub fn openapi() -> OpenApi {
    let mut api = routes::documented().into_openapi();
    api.info = Info::new("Spindrift", env!("CARGO_PKG_VERSION"));
    api.info.description = Some(
        "The routes of Spinnaker's Gate that concern pipelines and their executions, with honest answers.".to_owned(),
    );
    let components = api.components.get_or_insert_default();
    for (name, schema) in [
        (ErrorBody::name(), ErrorBody::schema()),
        (DocumentProblem::name(), DocumentProblem::schema()),
    ] {
        components.schemas.insert(name.into_owned(), schema);
    }
    let bearer = HttpBuilder::new().scheme(HttpAuthScheme::Bearer).build();
    components.add_security_scheme("token", SecurityScheme::Http(bearer));
    api.security = Some(vec![
        SecurityRequirement::new("token", Vec::<String>::new()),
        SecurityRequirement::default(),
    ]);
    api.paths.paths.values_mut().for_each(refuse);
    api
}

/// Every operation may answer with a problem.
fn refuse(item: &mut PathItem) {
    let operations = [
        &mut item.get,
        &mut item.put,
        &mut item.post,
        &mut item.delete,
        &mut item.patch,
    ];
    for operation in operations.into_iter().flatten() {
        let schema = RefOr::Ref(Ref::from_schema_name(ErrorBody::name()));
        let content = ContentBuilder::new().schema(Some(schema)).build();
        let problem = ResponseBuilder::new()
            .description("A problem: what is wrong and what to do about it.")
            .content("application/json", content)
            .build();
        let responses = std::mem::take(&mut operation.responses);
        let mut builder = ResponsesBuilder::from(responses);
        builder = builder.response("default", problem);
        operation.responses = builder.build();
    }
}
